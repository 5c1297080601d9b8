// What collision_prevention and ik_position_delta add to a step of a Panda task: the test of a pose
// and the inverse kinematics, each timed beside the step itself, in CPU time of the thread.
// Counters: medians over the episodes; a share is of the step of its own episode.
#include <algorithm>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "benchmark/benchmark.h"
#include "common/random/rng.h"
#include "envserver/bullet/pose_query.h"
#include "envserver/env/arm_actions.h"
#include "envserver/env/env_registry.h"
#include "envserver/tasks/builtin_envs.h"
#include "envserver/wrappers/observation_fields.h"
#include "envserver/wrappers/tool_solver.h"

namespace armature {
namespace {

constexpr int kSteps = 50;        // An episode.
constexpr double kLimitM = 0.15;  // As ik_position_delta's.

double CpuTimeUs() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) * 1e-3;
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

void ArmWrappers(benchmark::State& state, const std::string& env_id) {
  EnvRegistry registry;
  if (absl::Status status = RegisterBuiltinEnvs(registry); !status.ok()) {
    return state.SkipWithError(status.ToString().c_str());
  }
  auto env = registry.Make(env_id, {{"control_type", "joints"}, {"terminate_on_success", "false"}});
  if (!env.ok()) return state.SkipWithError(env.status().ToString().c_str());
  ObservationMemory memory((*env)->spec().observation);
  ArmActions& arm = *(*env)->arm();
  PoseQuery query(*(*env)->world(), &arm.body(), arm.dofs(), /*margin=*/0);
  const ToolSolver solver(&arm, /*iterations_max=*/50);
  std::vector<float> action((*env)->spec().action.size());
  std::vector<double> goal(arm.dofs().size());
  std::vector<double> step_us, pose_share, ik_share;
  Rng rng({1});
  uint64_t episode = 0;
  for (auto _ : state) {
    (*env)->Reset(episode++, memory.observation());
    double step = 0, pose = 0, ik = 0;
    for (int t = 0; t < kSteps; ++t) {
      for (float& value : action) value = static_cast<float>(rng.Uniform(-1, 1));
      const btVector3 way(rng.Uniform(-kLimitM, kLimitM), rng.Uniform(-kLimitM, kLimitM),
                          rng.Uniform(-kLimitM, kLimitM));
      const double begin = CpuTimeUs();
      arm.JointGoal(action, absl::MakeSpan(goal));
      benchmark::DoNotOptimize(query.Touches(goal));
      const double tested = CpuTimeUs();
      const btTransform tool = solver.Pose();
      benchmark::DoNotOptimize(
          solver.Solve(tool.getOrigin() + way, tool.getRotation(), absl::MakeSpan(goal)));
      const double solved = CpuTimeUs();
      (*env)->Step(action, memory.observation());
      step += CpuTimeUs() - solved;
      ik += solved - tested;
      pose += tested - begin;
    }
    step_us.push_back(step / kSteps);
    pose_share.push_back(pose / step);
    ik_share.push_back(ik / step);
  }
  state.counters["step_us"] = Median(step_us);
  state.counters["pose_share"] = Median(pose_share);
  state.counters["ik_share"] = Median(ik_share);
}

BENCHMARK_CAPTURE(ArmWrappers, panda_reach, "panda_reach")->Iterations(100);
BENCHMARK_CAPTURE(ArmWrappers, panda_pick_and_place, "panda_pick_and_place")->Iterations(100);

}  // namespace
}  // namespace armature

BENCHMARK_MAIN();
