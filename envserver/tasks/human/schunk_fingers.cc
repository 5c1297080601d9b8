#include "envserver/tasks/human/schunk_fingers.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "envserver/tasks/human/schunk_body.h"

namespace armature {
namespace {

constexpr int kLeft = kSchunkJoints;  // Links and DoFs.
constexpr int kRight = kSchunkJoints + 1;
constexpr double kSpeed_m_s = 0.08;
constexpr double kMoving_N = 2;    // More than they weigh when the arm brakes.
constexpr double kPressing_N = 8;  // With 20 N what the solver leaves over turns the wrist.
constexpr double kFollow_1_s = 50;
constexpr double kClear_m = 0.003;
constexpr double kAhead = 0.05;  // Cosine of how far aside the scene is ahead, too.
constexpr double kQuiet_s = 0.01;
constexpr double kLength_m = 0.06;  // No point of a finger is farther from its middle.

void SetVelocity(double velocity, double force, int dof, Body& body) {
  MotorTarget target;
  target.velocity = velocity;
  target.force_max = force;
  body.SetMotor(dof, target);
}

}  // namespace

SchunkFingers::SchunkFingers(const BulletWorld* world, Body* arm, std::vector<const Body*> scene,
                             double scene_height_m, double physics_step_s)
    : world_(*world),
      arm_(*arm),
      scene_(std::move(scene)),
      scene_height_m_(scene_height_m),
      physics_step_s_(physics_step_s),
      quiet_steps_(static_cast<int>(std::lround(kQuiet_s / physics_step_s))) {
  Reset();
}

void SchunkFingers::Reset() {
  closes_ = false;
  untouched_steps_.fill(quiet_steps_);
}

bool SchunkFingers::touch_both() const {
  return std::max(untouched_steps_[0], untouched_steps_[1]) < quiet_steps_;
}

double SchunkFingers::opening_m() const {
  return arm_.joint_position(kLeft) + arm_.joint_position(kRight);
}

bool SchunkFingers::WouldHitScene(double direction) const {
  for (const int link : {kLeft, kRight}) {
    const btTransform pose = arm_.LinkPose(link);
    if (pose.getOrigin().z() - kLength_m > scene_height_m_) continue;
    const btVector3 way = pose.getBasis() * arm_.link_model(link).axis * direction;
    for (const Body* body : scene_) {
      const ClosestPoints closest = world_.Distance(arm_, link, *body, kBase, kClear_m);
      if (closest.found && closest.normal_on_b.dot(way) < -kAhead) return true;
    }
  }
  return false;
}

void SchunkFingers::Drive(double opening) {
  const double left = arm_.joint_position(kLeft);
  const double right = arm_.joint_position(kRight);
  closes_ = opening < 0.5;
  double velocity =
      std::clamp((opening * kFingerOpen_m - left) / physics_step_s_, -kSpeed_m_s, kSpeed_m_s);
  if (velocity != 0 && WouldHitScene(velocity > 0 ? 1 : -1)) velocity = 0;
  const double follow =
      std::clamp(velocity + kFollow_1_s * (left - right), -2 * kSpeed_m_s, 2 * kSpeed_m_s);
  // The right one holds against what the left one presses.
  SetVelocity(velocity, holds() ? kPressing_N : kMoving_N, kLeft, arm_);
  SetVelocity(follow, holds() ? 2 * kPressing_N : kMoving_N, kRight, arm_);
}

void SchunkFingers::BeginTouches() {
  for (int& steps : untouched_steps_) steps = std::min(steps + 1, quiet_steps_);
}

void SchunkFingers::Touch(int link) {
  if (link == kLeft || link == kRight) untouched_steps_[link - kLeft] = 0;
}

void SchunkFingers::Keep(StateArchive& state) {
  state.Keep(closes_);
  state.Keep(untouched_steps_);
}

}  // namespace armature
