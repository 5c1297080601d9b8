// How long a cycle of the shield takes: 7 capsules of the arm, 23 of the human.
//
//   bazel build //envserver/shield:shield_benchmark
//   taskset -c 1 bazel-bin/envserver/shield/shield_benchmark
//
// Recorded once: a human that means harm, near the arm, and goals, ten a second. Counters are of
// single steps, in us of the thread's CPU time, which other work on the core does not lengthen.
#include <time.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "benchmark/benchmark.h"
#include "common/random/rng.h"
#include "envserver/shield/schunk_arm.h"
#include "envserver/shield/shield.h"
#include "envserver/shield/testing/bounded_human.h"
#include "envserver/human/human_figure.h"
#include "envserver/shield/testing/random_paths.h"

namespace armature {
namespace {

constexpr int kCycles = 20000;
constexpr int kGoalCycles = 25;

double CpuTime_us() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1e6 + now.tv_nsec * 1e-3;
}

struct Cycle {
  std::vector<Eigen::Vector3d> position, velocity;
  JointVector goal;
};

// Also what the arm does, so that each is near the other: the human reacts to it.
std::vector<Cycle> Record(const ShieldOptions& options) {
  Rng rng({1});
  const ArmModel arm = SchunkArm();
  std::vector<Capsule> links(arm.num_capsules());
  BoundedHuman human(TrackedHumanFigure(), 0.5, {1, 0, 0}, &rng);
  auto shield = Shield::Create(options, arm, TrackedHumanFigure(), JointVector::Zero(6)).value();
  std::vector<Cycle> cycles;
  for (int k = 0; k < kCycles; ++k) {
    const HumanMeasurement measurement = human.Measure(0.004);
    Cycle cycle;
    cycle.position.assign(measurement.position.begin(), measurement.position.end());
    cycle.velocity.assign(measurement.velocity.begin(), measurement.velocity.end());
    cycle.goal = RandomPosition(arm, rng);
    if (k % kGoalCycles == 0) shield->SetGoal(cycle.goal).IgnoreError();
    shield->Step(&measurement);
    cycles.push_back(std::move(cycle));
    arm.Place(shield->desired().position, links);
    human.Step(options.cycle_s, links);
  }
  return cycles;
}

void BM_Step(benchmark::State& state, ShieldMode mode) {
  ShieldOptions options;
  options.mode = mode;
  const std::vector<Cycle> cycles = Record(options);
  std::vector<double> step_us;
  step_us.reserve(kCycles);
  int64_t interventions = 0;
  for (auto _ : state) {
    auto shield =
        Shield::Create(options, SchunkArm(), TrackedHumanFigure(), JointVector::Zero(6)).value();
    step_us.clear();
    for (int k = 0; k < kCycles; ++k) {
      HumanMeasurement measurement;
      measurement.age_s = 0.004;
      measurement.position = cycles[k].position;
      measurement.velocity = cycles[k].velocity;
      const double begin_us = CpuTime_us();
      if (k % kGoalCycles == 0) shield->SetGoal(cycles[k].goal).IgnoreError();
      benchmark::DoNotOptimize(shield->Step(&measurement));
      step_us.push_back(CpuTime_us() - begin_us);
    }
    interventions = kCycles - shield->steps(ShieldCause::kNone);
  }
  std::sort(step_us.begin(), step_us.end());
  double sum = 0;
  for (const double us : step_us) sum += us;
  state.counters["mean"] = sum / kCycles;
  state.counters["median"] = step_us[kCycles / 2];
  state.counters["p99"] = step_us[kCycles * 99 / 100];
  state.counters["p999"] = step_us[kCycles * 999 / 1000];
  state.counters["most"] = step_us.back();
  state.counters["intervened"] = static_cast<double>(interventions) / kCycles;
}
BENCHMARK_CAPTURE(BM_Step, speed_and_separation, ShieldMode::kSpeedAndSeparation)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Step, power_and_force_limiting, ShieldMode::kPowerAndForceLimiting)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace armature

BENCHMARK_MAIN();
