#include "envserver/shield/arm_reach.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace armature {
namespace {

constexpr int kSpeedPieces = 16;  // Of a whole path.

}  // namespace

ArmReach::ArmReach(const ArmModel* arm, const JointLimits& limits, double margin_m)
    : arm_(arm), limits_(limits), margin_m_(margin_m) {}

void ArmReach::Place(const JointTrajectory& path, double s, ArmNode& out) const {
  out.s = s;
  path.At(s, out.state);
  arm_->Place(out.state.position, out.capsules);
}

double ArmReach::BendBound(int c, const JointVector& speed, const JointVector& acceleration) const {
  double bound = 0;
  double speed_before = 0;
  for (int j = 0; j <= arm_->capsules()[c].joint; ++j) {
    const double per_reach = acceleration[j] + speed[j] * (speed[j] + 2 * speed_before);
    bound += arm_->reach_m(c, j) * per_reach;
    speed_before += speed[j];
  }
  return bound;
}

void ArmReach::Cover(const ArmNode& begin, const ArmNode& end, std::vector<Capsule>& out) const {
  const double h = end.s - begin.s;
  const JointVector speed = MostBetween(begin.state.velocity, end.state.velocity,
                                        limits_.acceleration, h, limits_.velocity);
  const JointVector acceleration = MostBetween(begin.state.acceleration, end.state.acceleration,
                                               limits_.jerk, h, limits_.acceleration);
  for (int c = 0; c < arm_->num_capsules(); ++c) {
    const double alpha = BendBound(c, speed, acceleration);
    const Capsule& from = begin.capsules[c];
    const Capsule& to = end.capsules[c];
    const double half_way = std::max((to.a - from.a).norm(), (to.b - from.b).norm()) / 2;
    out[c].a = (from.a + to.a) / 2;
    out[c].b = (from.b + to.b) / 2;
    out[c].radius = from.radius + half_way + alpha * h * h / 8 + margin_m_;
  }
}

double ArmReach::SpeedBound(const JointState& begin, const JointState& end, double h) const {
  const JointVector speed =
      MostBetween(begin.velocity, end.velocity, limits_.acceleration, h, limits_.velocity);
  double bound = 0;
  for (int c = 0; c < arm_->num_capsules(); ++c) {
    const LinkCapsule& capsule = arm_->capsules()[c];
    double of_capsule = 0;
    for (int j = 0; j <= capsule.joint; ++j) {
      of_capsule += (arm_->reach_m(c, j) + capsule.shape.radius) * speed[j];
    }
    bound = std::max(bound, of_capsule);
  }
  return bound;
}

double ArmReach::SpeedBound(const JointTrajectory& path) const {
  const double h = path.duration_s() / kSpeedPieces;
  JointState begin, end;
  path.At(0, begin);
  double bound = 0;
  for (int i = 1; i <= kSpeedPieces; ++i) {
    path.At(h * i, end);
    bound = std::max(bound, SpeedBound(begin, end, h));
    std::swap(begin, end);
  }
  return bound;
}

}  // namespace armature
