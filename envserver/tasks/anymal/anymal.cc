// Makes the quadruped ANYmal C walk: raisimGym's ANYmal example on Bullet, hook by hook in
// docs/porting_raisimgym.md.
//
// Facts: physics step 0.0025 s, 4 per control step, episode 4 s. Action (12): joint targets =
// nominal + 0.3 x action; legs in the order LF, RF, LH, RH, joints HAA, HFE, KFE. Torque in each
// physics step: 50 N.m/rad x (target - angle) - 0.2 N.m.s/rad x velocity, at most the URDF's 80
// N.m. Start: at rest in the nominal pose, base 0.5 m high. Reward: 0.3 x min(4, forward velocity
// of the base) - 4e-5 x sum of squared torques. Ends, with -10, where a link other than shanks and
// feet touches the floor.
#include "anymal.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/config/config.h"
#include "envserver/kit/register_task.h"
#include "envserver/kit/task.h"
#include "envserver/kit/task_builder.h"

namespace {

using namespace armature;

constexpr int kJoints = 12;
constexpr const char* kLegs[] = {"LF", "RF", "LH", "RH"};
constexpr const char* kLegJoints[] = {"_HAA", "_HFE", "_KFE"};
constexpr double kNominal[kJoints] = {0.03, 0.4,  -0.8, -0.03, 0.4,  -0.8,
                                      0.03, -0.4, 0.8,  -0.03, -0.4, 0.8};  // rad
constexpr double kNominalHeight = 0.5;                                      // m
constexpr double kActionMax = 10;   // The original has no bounds; a policy stays far below.
constexpr double kTorqueMax = 80;   // N.m, as in the URDF.
constexpr double kFriction = 0.8;   // Of feet on the floor, whose own is 1.
constexpr double kVelocityMax = 4;  // m/s that is rewarded.
constexpr const char* kModelFolder =
    "example_robot_data/cmeel.prefix/share/example-robot-data/robots/anymal_c_simple_description";

class Anymal : public Task {
 public:
  struct Config {
    double action_scale = 0.3;
    double proportional_gain = 50;
    double derivative_gain = 0.2;

    void Visit(ConfigVisitor& v) {
      v.Field("action_scale", action_scale,
              "Angle that an action of 1 adds to a joint's target, rad.", Between(0.001, 3));
      v.Field("proportional_gain", proportional_gain, "Of the joints' control, N.m/rad.",
              Between(0, 1000));
      v.Field("derivative_gain", derivative_gain, "Of the joints' control, N.m.s/rad.",
              Between(0, 10));
    }
  };

  explicit Anymal(const Config& config) : config_(config) {}

  void Build(TaskBuilder& task) override {
    task.SetTime(/*physics_step_s=*/0.0025, /*physics_steps=*/4, /*horizon_s=*/4);
    BodyOptions floor;
    floor.friction = 1;
    floor_ = task.world().AddPlane(floor);
    BodyOptions options;
    options.base_pose.setOrigin(btVector3(0, 0, kNominalHeight));
    options.motors = false;
    options.linear_damping = options.angular_damping = 0;
    options.friction = kFriction;
    const std::string folder = task.FindModel("anymal_c_simple_description", kModelFolder);
    robot_ = task.AddBody(task.LoadUrdf(folder + "/urdf/anymal.urdf"), options);
    for (int i = 0; i < kJoints; ++i) {
      joints_[i] = robot_->Joint(absl::StrCat(kLegs[i / 3], kLegJoints[i % 3]));
    }
    may_touch_.resize(robot_->num_links());
    for (const char* leg : kLegs) {
      for (const char* part : {"_SHANK", "_shank_fixed", "_FOOT"}) {
        may_touch_[robot_->Link(absl::StrCat(leg, part))] = true;
      }
    }
    task.SetAction(kJoints, -kActionMax, kActionMax);

    height_ = task.AddField("base_height", 1);
    up_ = task.AddField("up", 3, -1.01, 1.01);
    angles_ = task.AddField("joint_angles", kJoints);
    linear_velocity_ = task.AddField("linear_velocity", 3);
    angular_velocity_ = task.AddField("angular_velocity", 3);
    velocities_ = task.AddField("joint_velocities", kJoints);

    forward_ = task.AddReward("forward_velocity", /*weight=*/0.3);
    torque_ = task.AddReward("torque", /*weight=*/4e-5);
    fell_ = task.AddTermination("fell", /*reward=*/-10);
  }

  void Reset() override {
    for (int i = 0; i < kJoints; ++i) robot_->SetJointPosition(joints_[i], kNominal[i]);
    torques_ = {};
  }

  void Act(absl::Span<const float> action) override {
    for (int i = 0; i < kJoints; ++i) {
      targets_[i] = kNominal[i] + config_.action_scale * action[i];
    }
  }

  void Substep() override {
    for (int i = 0; i < kJoints; ++i) {
      const double torque =
          config_.proportional_gain * (targets_[i] - robot_->joint_position(joints_[i])) -
          config_.derivative_gain * robot_->joint_velocity(joints_[i]);
      torques_[i] = std::clamp(torque, -kTorqueMax, kTorqueMax);
      robot_->AddJointForce(joints_[i], torques_[i]);
    }
  }

  void Observe(ObservationWriter& out) override {
    const btTransform base = robot_->LinkPose(kBase);
    out.Write(height_, base.getOrigin().z());
    out.Write(up_, base.getBasis()[2]);
    out.Write(linear_velocity_, LinearVelocity());
    out.Write(angular_velocity_, base.getBasis().transpose() * robot_->LinkAngularVelocity(kBase));
    for (int i = 0; i < kJoints; ++i) {
      out[angles_][i] = static_cast<float>(robot_->joint_position(joints_[i]));
      out[velocities_][i] = static_cast<float>(robot_->joint_velocity(joints_[i]));
    }
  }

  void Reward(RewardTerms& out) override {
    out.Add(forward_, std::min(kVelocityMax, LinearVelocity().x()));
    for (const double torque : torques_) out.Add(torque_, -torque * torque);
  }

  Termination Terminated() override {
    for (const ContactPoint& contact : world().Contacts(*robot_, kAllLinks, *floor_)) {
      if (contact.link_a == kBase || !may_touch_[contact.link_a]) return fell_;
    }
    return {};
  }

 private:
  // Of the base, in its frame.
  btVector3 LinearVelocity() const {
    return robot_->LinkPose(kBase).getBasis().transpose() * robot_->LinkVelocity(kBase);
  }

  const Config config_;
  Body* floor_ = nullptr;
  Body* robot_ = nullptr;
  std::array<int, kJoints> joints_ = {};
  std::vector<bool> may_touch_;  // By link.
  Field height_, up_, angles_, linear_velocity_, angular_velocity_, velocities_;
  RewardTerm forward_, torque_;
  Termination fell_;
  std::array<double, kJoints> targets_ = {};  // rad, of this control step.
  std::array<double, kJoints> torques_ = {};  // N.m, of the last physics step.
};

}  // namespace

absl::Status RegisterAnymal(EnvRegistry& registry) {
  return RegisterTask<Anymal>(registry, "anymal",
                              "Make the quadruped ANYmal C walk, as in raisimGym's example.");
}
