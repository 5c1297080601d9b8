// Physics steps per second of a quadruped on a plane, 4 ms each, on four feet: driven by PD torques
// towards a trot, or by motors, as a free base or by Bullet's pipeline for comparison. The state
// returns to the start every 500 steps. tests/benchmarks/quadruped_benchmark.py runs MuJoCo beside
// it.

#include <cmath>
#include <cstdint>

#include "benchmark/benchmark.h"
#include "envserver/bullet/body.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/bullet/testing/robots.h"

namespace armature {
namespace {

constexpr int kJoints = 12;
constexpr int kStepsPerEpisode = 500;
constexpr int kStepsPerTarget = 5;      // A control step.
constexpr double kStep = 0.004;         // s
constexpr double kStiffness = 30;       // N.m/rad
constexpr double kDamping = 1;          // N.m.s/rad
constexpr double kGait = 2 * M_PI * 3;  // rad/s
constexpr double kStride = 0.1;         // rad
constexpr double kForceMax = 35;        // N.m

constexpr double kStance[3] = {0, 0.9, -1.8};
constexpr double kHeight = 0.3;  // m, from which it drops a little.

struct Drive {
  bool motors = false;
  bool bullet = false;
  bool all_shapes = false;
};

// Diagonal legs move together.
double Target(int joint, int64_t step) {
  const int leg = joint / 3;
  const double phase =
      kGait * kStep * static_cast<double>(step) + (leg == 0 || leg == 3 ? 0 : M_PI);
  const double swing = kStride * std::sin(phase);
  const double offset[3] = {0, swing, -swing};
  return kStance[joint % 3] + offset[joint % 3];
}

void StepQuadruped(benchmark::State& state, const Drive& drive) {
  WorldOptions world_options;
  world_options.time_step_s = kStep;
  world_options.solver_iterations = 10;
  BulletWorld world(world_options);
  world.AddPlane({});
  BodyOptions options = NoDrag(/*fixed_base=*/false);
  options.base_pose.setOrigin(btVector3(0, 0, kHeight));
  options.friction = 1.2;
  options.motors = drive.motors;
  options.always_bullet = drive.bullet;
  Body* robot = world.AddBody(TestQuadruped(!drive.all_shapes), options);
  for (int i = 0; i < kJoints; ++i) robot->SetJointPosition(i, kStance[i % 3]);
  WorldState start;
  world.SaveState(&start);
  double targets[kJoints] = {};
  int64_t step = 0, contacts = 0;
  for (auto _ : state) {
    if (step % kStepsPerEpisode == 0) world.RestoreState(start);
    const bool is_new = step++ % kStepsPerTarget == 0;
    for (int i = 0; i < kJoints; ++i) {
      if (is_new) targets[i] = Target(i, step);
      if (!drive.motors) {
        robot->AddJointForce(i, kStiffness * (targets[i] - robot->joint_position(i)) -
                                    kDamping * robot->joint_velocity(i));
      } else if (is_new) {
        MotorTarget target;
        target.position = targets[i];
        target.kp = 0.1;
        target.force_max = kForceMax;
        robot->SetMotor(i, target);
      }
    }
    world.Step();
    if (is_new) contacts += static_cast<int64_t>(world.contacts().size());
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["contacts"] =
      static_cast<double>(contacts * kStepsPerTarget) / static_cast<double>(step);
  state.counters["height"] = robot->LinkPose(kBase).getOrigin().z();
}

BENCHMARK_CAPTURE(StepQuadruped, torques, Drive{});
BENCHMARK_CAPTURE(StepQuadruped, torques_all_shapes, Drive{false, false, true});
BENCHMARK_CAPTURE(StepQuadruped, motors, Drive{true});
BENCHMARK_CAPTURE(StepQuadruped, torques_bullet, Drive{false, true});

}  // namespace
}  // namespace armature

BENCHMARK_MAIN();
