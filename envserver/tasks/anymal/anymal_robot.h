// The quadruped ANYmal of the tasks here: twelve joints, driven to targets by torques.
//
// Facts: models `b` (30.5 kg) and `c` (52.1 kg) of the PyPI package example-robot-data, which name
// their joints alike. Legs in the order LF, RF, LH, RH, each with the joints HAA, HFE, KFE. Nominal
// angles by leg: (0.03, 0.4, -0.8), (-0.03, 0.4, -0.8), (0.03, -0.4, 0.8), (-0.03, -0.4, 0.8) rad;
// then the base is 0.50 m (`c`: 0.55 m) high when the feet are on the ground. Action (12): target =
// nominal + action_scale x action. Torque in each physics step, with the actuator `pd`:
// proportional_gain x (target - angle) - derivative_gain x velocity, at most the URDF's 80 N.m;
// with `network`: what the network makes of angles, velocities and targets. No self-collision, no
// damping. Frames: the base's has x forward, y left, z up. Thread safety: none, like its world.
#ifndef ARMATURE_ENVSERVER_TASKS_ANYMAL_ANYMAL_ROBOT_H_
#define ARMATURE_ENVSERVER_TASKS_ANYMAL_ANYMAL_ROBOT_H_

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "LinearMath/btVector3.h"
#include "absl/types/span.h"
#include "common/config/config.h"
#include "common/random/rng.h"
#include "envserver/actuators/actuator.h"
#include "envserver/bullet/body.h"
#include "envserver/kit/state_archive.h"
#include "envserver/kit/task_builder.h"

namespace armature {

// The keys of the robot, which every task has.
struct AnymalKeys {
  std::string robot = "b";
  double action_scale = 0.3;
  double action_max = 10;
  double proportional_gain = 50;
  double derivative_gain = 0.2;
  std::string actuator = "pd";
  std::string actuator_network;

  void Visit(ConfigVisitor& v) {
    v.Field("robot", robot, "ANYmal B or C.", OneOf({"b", "c"}));
    v.Field("action_scale", action_scale,
            "Angle that an action of 1 adds to a joint's target, rad.", Between(0.001, 3));
    v.Field("action_max", action_max, "Bound of each action.", Between(0.1, 100));
    v.Field("proportional_gain", proportional_gain, "Of the actuator pd, N.m/rad.",
            Between(0, 1000));
    v.Field("derivative_gain", derivative_gain, "Of the actuator pd, N.m.s/rad.", Between(0, 10));
    v.Field("actuator", actuator,
            "From targets to torques: pd, at once, or network, as a drive does.",
            OneOf({"pd", "network"}));
    v.Field("actuator_network", actuator_network,
            "File of the actuator network; empty: a simulated drive's (docs/actuators.md).");
  }
};

enum class AnymalPart { kBase, kHip, kThigh, kShank };  // A shank has its foot.

class AnymalRobot {
 public:
  static constexpr int kLegs = 4;
  static constexpr int kJoints = 12;
  static constexpr char kSceneBase[] = "anymal/base";  // For cameras: the base of both robots.
  static constexpr std::array<double, kJoints> kNominal = {0.03, 0.4,  -0.8, -0.03, 0.4,  -0.8,
                                                           0.03, -0.4, 0.8,  -0.03, -0.4, 0.8};

  // Adds the robot "anymal" to the task's world, which must outlive this, and declares the action.
  // Throws TaskError or WorldError if the model or the actuator's file is missing or another one.
  AnymalRobot(const AnymalKeys& keys, TaskBuilder* task);

  // The base's height above the ground in the nominal pose, m.
  double nominal_height() const { return nominal_height_; }
  // Rests in the nominal pose, the base at `base`. Only for a world as Build left it.
  void Reset(const btTransform& base);
  // Turns each joint by U(-noise, noise), rad. Right after Reset.
  void DisturbJoints(double noise, Rng& rng);
  // Sets the joints' targets from an action.  [12]
  void SetTargets(absl::Span<const float> action);
  // Adds the joints' torques of one physics step.
  void ApplyTorques();
  // For the task's Keep: what later torques depend on.
  void Keep(StateArchive& state);

  // Of the last physics step, N.m.
  const std::array<double, kJoints>& torques() const { return torques_; }
  double angle(int joint) const { return body_->joint_position(dofs_[joint]); }
  double velocity(int joint) const { return body_->joint_velocity(dofs_[joint]); }
  // The base, and its velocities in its own frame.
  btTransform base() const { return body_->LinkPose(kBase); }
  btVector3 LinearVelocity() const;
  btVector3 AngularVelocity() const;

  const Body& body() const { return *body_; }
  // What a link (kBase, or an index) belongs to.
  AnymalPart part(int link) const { return parts_[link + 1]; }
  // Which leg's foot a link is; -1: none's.
  int foot(int link) const { return feet_[link + 1]; }
  int foot_link(int leg) const { return foot_links_[leg]; }

 private:
  const double action_scale_;
  double nominal_height_ = 0;
  Body* body_ = nullptr;
  std::unique_ptr<Actuator> actuator_;
  std::array<int, kJoints> dofs_ = {};
  std::array<int, kLegs> foot_links_ = {};
  std::vector<AnymalPart> parts_;                   // [1 + links]
  std::vector<int> feet_;                           // [1 + links]
  std::array<double, kJoints> targets_ = kNominal;  // rad, of this control step.
  std::array<double, kJoints> torques_ = {};
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_ANYMAL_ANYMAL_ROBOT_H_
