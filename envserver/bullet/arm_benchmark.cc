// Physics steps per second of the Panda arm alone, 2 ms each, without contacts: driven by random
// torques, or by random motor targets. New ones every 20 steps, and the neutral pose every 1000.
// tests/benchmarks/panda_benchmark.py runs MuJoCo beside it.

#include <cstdlib>
#include <iostream>
#include <memory>
#include <vector>

#include "benchmark/benchmark.h"
#include "common/random/rng.h"
#include "envserver/bullet/body.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/bullet/model_folder.h"
#include "envserver/bullet/urdf.h"

namespace armature {
namespace {

constexpr int kDofs = 9;
constexpr double kForceMax[kDofs] = {87, 87, 87, 87, 12, 120, 120, 170, 170};
constexpr double kNeutral[kDofs] = {0, 0.41, 0, -1.85, 0, 2.26, 0.79, 0, 0};
constexpr double kTorqueShare = 0.1;  // Of the motors' forces.
constexpr double kTargetReach = 0.5;  // rad from neutral; a tenth of it in m for the fingers.
constexpr int kStepsPerDraw = 20;
constexpr int kStepsPerEpisode = 1000;

void StepArm(benchmark::State& state, const std::shared_ptr<const BodyModel>& model, bool motors) {
  WorldOptions world_options;
  world_options.time_step_s = 0.002;
  BulletWorld world(world_options);
  BodyOptions options;
  options.fixed_base = true;
  options.effort_limits = false;
  options.mimic_joints = false;
  Body* arm = world.AddBody(model, options);
  const std::vector<double> neutral(std::begin(kNeutral), std::end(kNeutral)), rest(kDofs, 0.0);
  double drawn[kDofs] = {};
  Rng rng({1});
  int64_t step = 0;
  for (auto _ : state) {
    if (step % kStepsPerEpisode == 0) arm->SetJoints(neutral, rest);
    const bool draws = step++ % kStepsPerDraw == 0;
    for (int dof = 0; dof < kDofs; ++dof) {
      const double reach = dof < 7 ? kTargetReach : kTargetReach / 10;
      if (draws) drawn[dof] = rng.Uniform(-1, 1);
      if (!motors) arm->AddJointForce(dof, kTorqueShare * kForceMax[dof] * drawn[dof]);
      if (!motors || !draws) continue;
      MotorTarget target;
      target.position = kNeutral[dof] + reach * drawn[dof];
      target.kp = 0.1;
      target.force_max = kForceMax[dof];
      arm->SetMotor(dof, target);
    }
    world.Step();
  }
  benchmark::DoNotOptimize(arm->joint_position(0));
  state.SetItemsProcessed(state.iterations());
}

int Main(int argc, char** argv) {
  const auto folder = FindModelFolder("franka_panda", "pybullet_data/pybullet_data/franka_panda");
  if (!folder.ok()) {
    std::cerr << folder.status() << "\n";
    return EXIT_FAILURE;
  }
  const auto model = LoadUrdf(*folder + "/panda.urdf");
  if (!model.ok()) {
    std::cerr << model.status() << "\n";
    return EXIT_FAILURE;
  }
  for (const bool motors : {false, true}) {
    benchmark::RegisterBenchmark(
        motors ? "arm_motors" : "arm_torques",
        [model, motors](benchmark::State& state) { StepArm(state, *model, motors); });
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) { return armature::Main(argc, argv); }
