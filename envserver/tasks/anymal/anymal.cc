// Makes the quadruped ANYmal walk: raisimGym's ANYmal example on Bullet, hook by hook in
// docs/porting_raisimgym.md.
//
// Facts: physics step 0.0025 s, 4 per control step, episode 4 s. Robot, action and control:
// anymal_robot.h. Observation (34): base height; third row of the base's rotation matrix (3);
// joint angles (12); the base's linear (3) and angular velocity (3) in its frame; joint velocities
// (12). Start: at rest in the nominal pose, always; evaluations may set the parameter start_noise
// to have different episodes, which raisimGym's does not have. Reward: 0.3 x min(4, forward
// velocity of the base) - 4e-5 x sum of squared torques of the last physics step. Ends, with -10,
// where anything but a shank or foot touches the floor. Success: after the 4 s it is success_speed
// x 4 s further forward, in the direction in which it began.
#include <algorithm>
#include <cmath>
#include <optional>

#include "common/config/config.h"
#include "common/scene/scene.h"
#include "envserver/kit/register_task.h"
#include "envserver/kit/task.h"
#include "envserver/kit/task_builder.h"
#include "envserver/tasks/anymal/anymal_mirror.h"
#include "envserver/tasks/anymal/anymal_robot.h"
#include "envserver/tasks/anymal/anymal_tasks.h"

namespace armature {
namespace {

constexpr int kJoints = AnymalRobot::kJoints;
constexpr double kPhysicsStep = 0.0025;  // s
constexpr int kPhysicsSteps = 4;
constexpr double kHorizon = 4;          // s
constexpr double kVelocityMax = 4;      // m/s that is rewarded.
constexpr double kStartNoiseMax = 0.3;  // rad
constexpr double kLegLength = 0.6;      // m, about; what a joint's noise may lower a foot by.

struct AnymalConfig : AnymalKeys {
  double success_speed = 1;
  void Visit(ConfigVisitor& v) {
    AnymalKeys::Visit(v);
    v.Field("success_speed", success_speed,
            "Forward, on average over a whole episode, that counts as success, m/s.",
            Between(0, 4));
  }
};

class Anymal : public Task {
 public:
  using Config = AnymalConfig;
  explicit Anymal(const Config& config) : config_(config) {}

  void Build(TaskBuilder& task) override {
    task.SetTime(kPhysicsStep, kPhysicsSteps, kHorizon);
    BodyOptions floor;
    floor.friction = 1;
    floor_ = task.world().AddPlane(floor);
    robot_.emplace(config_, &task);

    height_ = task.AddField("base_height", 1);
    up_ = task.AddField("up", 3, -1.01, 1.01);
    angles_ = task.AddField("joint_angles", kJoints);
    linear_velocity_ = task.AddField("linear_velocity", 3);
    angular_velocity_ = task.AddField("angular_velocity", 3);
    velocities_ = task.AddField("joint_velocities", kJoints);
    task.SetMirror({MirrorObservation(), MirrorAction()});

    forward_ = task.AddReward("forward_velocity", /*weight=*/0.3);
    torque_ = task.AddReward("torque", /*weight=*/4e-5);
    fell_ = task.AddTermination("fell", /*reward=*/-10);
    task.ReportsSuccess();
    start_noise_ = task.AddParameter("start_noise", 0, kStartNoiseMax, /*initial=*/0);

    SceneCamera camera;
    camera.name = "side";
    camera.position = {0.6, -2.2, 0.5};
    camera.target = {0, 0, -0.1};
    camera.tracked_body = AnymalRobot::kSceneBase;
    task.AddCamera(camera);
  }

  void Reset() override {
    const double noise = parameter(start_noise_);
    btTransform base = btTransform::getIdentity();
    base.setOrigin(btVector3(0, 0, robot_->nominal_height() + noise * kLegLength));
    robot_->Reset(base);
    if (noise > 0) robot_->DisturbJoints(noise, rng());
  }

  void Act(absl::Span<const float> action) override { robot_->SetTargets(action); }
  void Substep() override { robot_->ApplyTorques(); }

  void Observe(ObservationWriter& out) override {
    const btTransform base = robot_->base();
    out.Write(height_, base.getOrigin().z());
    out.Write(up_, base.getBasis()[2]);
    out.Write(linear_velocity_, robot_->LinearVelocity());
    out.Write(angular_velocity_, robot_->AngularVelocity());
    for (int i = 0; i < kJoints; ++i) {
      out[angles_][i] = static_cast<float>(robot_->angle(i));
      out[velocities_][i] = static_cast<float>(robot_->velocity(i));
    }
  }

  void Reward(RewardTerms& out) override {
    out.Add(forward_, std::min<double>(kVelocityMax, robot_->LinearVelocity().x()));
    for (const double torque : robot_->torques()) out.Add(torque_, -torque * torque);
  }

  Termination Terminated() override {
    for (const ContactPoint& contact : world().Contacts(robot_->body(), kAllLinks, *floor_)) {
      if (robot_->part(contact.link_a) != AnymalPart::kShank) return fell_;
    }
    return {};
  }

  bool Success() override {
    return physics_steps() == std::llround(kHorizon / kPhysicsStep) &&
           robot_->base().getOrigin().x() >= config_.success_speed * kHorizon;
  }

  void Keep(StateArchive& state) override { robot_->Keep(state); }

 private:
  const Config config_;
  Body* floor_ = nullptr;
  std::optional<AnymalRobot> robot_;
  Field height_, up_, angles_, linear_velocity_, angular_velocity_, velocities_;
  RewardTerm forward_, torque_;
  Termination fell_;
  Parameter start_noise_;  // rad, the most that each joint begins off its nominal angle.
};

}  // namespace

absl::Status RegisterAnymal(EnvRegistry& registry) {
  return RegisterTask<Anymal>(registry, "anymal",
                              "Make the quadruped ANYmal walk, as in raisimGym's example.");
}

}  // namespace armature
