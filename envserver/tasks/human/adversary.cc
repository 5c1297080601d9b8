#include "envserver/tasks/human/adversary.h"

#include <algorithm>
#include <cmath>

#include "Eigen/Geometry"
#include "envserver/human/human_figure.h"
#include "envserver/tasks/human/human_keep.h"

namespace armature {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kSafety = 0.999;  // Of what is allowed, for rounding.
constexpr double kBodyAcceleration_m_s2 = 20;
constexpr double kArmAcceleration_m_s2 = 50;
constexpr double kBegin_m = 1.6;
constexpr double kFar_m = 2;
// Of a minimum-jerk way of length 1 in time 1.
constexpr double kPeakRate = 1.875;
constexpr double kPeakAcceleration = 5.7736;

double ArmLength() {
  double length = 0;
  for (const int joint : {kElbow[0], kWrist[0], kHand[0]}) length += HumanOffset(joint).norm();
  return length;
}

Eigen::Vector3d OnSphere(Rng& rng) {
  const Eigen::Vector3d v(rng.Normal(), rng.Normal(), rng.Normal());
  return v / std::max(v.norm(), 1e-9);
}

Eigen::Vector3d Nearest(const Eigen::Vector3d& from, absl::Span<const Capsule> arm) {
  Eigen::Vector3d nearest = from;
  double least = 1e9;
  for (const Capsule& link : arm) {
    for (const Eigen::Vector3d& point : {link.a, link.b, Eigen::Vector3d((link.a + link.b) / 2)}) {
      if ((point - from).norm() >= least) continue;
      least = (point - from).norm();
      nearest = point;
    }
  }
  return nearest;
}

}  // namespace

Eigen::Vector3d Adversary::Standing(int joint) const {
  Eigen::Vector3d at = Eigen::Vector3d::Zero();
  for (int j = joint; j >= 0; j = HumanParent(j)) at += HumanOffset(j);
  return Eigen::AngleAxisd(heading_rad_, Eigen::Vector3d::UnitZ()) * at;
}

void Adversary::Reset(const Eigen::Vector3d& centre, Rng& rng) {
  constexpr double kShares[] = {1, 0.5, 0.25};
  *this = Adversary();
  body_share_ = kShares[rng.Index(3)];
  heading_rad_ = rng.Uniform(-kPi, kPi);
  const double bearing = rng.Uniform(-kPi, kPi);
  feet_ = centre + kBegin_m * Eigen::Vector3d(std::cos(bearing), std::sin(bearing), 0);
  random_direction_ = Eigen::Vector3d::UnitX();
}

Eigen::Vector3d Adversary::Direction(const Swing& swing) const {
  double x = 1;
  if (now_s_ < swing.begin_s + swing.duration_s) {
    const double u = (now_s_ - swing.begin_s) / swing.duration_s;
    x = u * u * u * (10 + u * (-15 + 6 * u));
  }
  return Eigen::AngleAxisd(swing.angle_rad * x, swing.axis) * swing.from;
}

void Adversary::ChooseSwing(int side, absl::Span<const Capsule> arm, Rng& rng) {
  Swing& swing = swings_[side];
  if (now_s_ < swing.begin_s + swing.duration_s) return;
  const double speed = kSafety * kHumanSpeedMax_m_s * (1 - body_share_);
  if (speed < 1e-9) return;
  const Eigen::Vector3d from = Direction(swing).normalized();
  Eigen::Vector3d to = OnSphere(rng);
  if (rng.Uniform(0, 1) < 0.7) {
    const Eigen::Vector3d shoulder = feet_ + Standing(kShoulder[side]);
    to = Nearest(shoulder + from, arm) - shoulder;
    to /= std::max(to.norm(), 1e-9);
  }
  Eigen::Vector3d axis = from.cross(to);
  if (axis.norm() < 1e-6) axis = from.unitOrthogonal();
  swing.from = from;
  swing.axis = axis.normalized();
  swing.angle_rad = std::acos(std::clamp(from.dot(to), -1.0, 1.0));
  swing.begin_s = now_s_;
  // Along the way, and towards the shoulder.
  const double length = ArmLength();
  const double acceleration =
      kSafety * (kArmAcceleration_m_s2 - kBodyAcceleration_m_s2 * body_share_);
  const double angle = swing.angle_rad;
  swing.duration_s =
      std::max({kPeakRate * angle * length / speed,
                std::sqrt(angle * length * (kPeakAcceleration + kPeakRate * kPeakRate * angle) /
                          acceleration),
                0.02});
}

void Adversary::Step(double dt, absl::Span<const Capsule> arm, Rng& rng) {
  if (now_s_ >= next_choice_s_) {
    choice_ = static_cast<int>(rng.Index(6));
    const double bearing = rng.Uniform(-kPi, kPi);
    random_direction_ = Eigen::Vector3d(std::cos(bearing), std::sin(bearing), 0);
    next_choice_s_ = now_s_ + rng.Uniform(0.05, 0.8);
  }
  const Eigen::Vector3d chest = feet_ + Standing(kSpine[2]);
  Eigen::Vector3d way = Nearest(chest, arm) - chest;
  way.z() = 0;
  Eigen::Vector3d towards = way / std::max(way.norm(), 1e-9);
  if (choice_ == 3) towards = -towards;
  if (choice_ == 4) towards = random_direction_;
  if (choice_ == 5) towards.setZero();
  if (way.norm() > kFar_m) towards = way.normalized();
  const Eigen::Vector3d wanted = towards * (kSafety * kHumanSpeedMax_m_s * body_share_);
  Eigen::Vector3d change = wanted - velocity_;
  const double change_max = kSafety * kBodyAcceleration_m_s2 * body_share_ * dt;
  if (change.norm() > change_max) change *= change_max / change.norm();
  feet_ += (velocity_ + change / 2) * dt;
  velocity_ += change;
  acceleration_ = change / dt;
  for (const int side : {0, 1}) ChooseSwing(side, arm, rng);
  now_s_ += dt;
}

void Adversary::Pose(HumanPose* pose) const {
  for (int j = 0; j < kHumanJoints; ++j) {
    pose->position[j] = feet_ + Standing(j);
    pose->velocity[j] = velocity_;
    pose->acceleration[j] = acceleration_;
  }
  for (const int side : {0, 1}) {
    const Swing& swing = swings_[side];
    const Eigen::Vector3d direction = Direction(swing);
    double rate = 0;
    double rate_change = 0;
    if (now_s_ < swing.begin_s + swing.duration_s) {
      const double u = (now_s_ - swing.begin_s) / swing.duration_s;
      rate = swing.angle_rad * 30 * u * u * (1 - u) * (1 - u) / swing.duration_s;
      rate_change =
          swing.angle_rad * 60 * u * (1 - u) * (1 - 2 * u) / (swing.duration_s * swing.duration_s);
    }
    const Eigen::Vector3d across = swing.axis.cross(direction);
    const Eigen::Vector3d shoulder = pose->position[kShoulder[side]];
    double reach = 0;
    for (const int joint : {kElbow[side], kWrist[side], kHand[side]}) {
      reach += HumanOffset(joint).norm();
      pose->position[joint] = shoulder + reach * direction;
      pose->velocity[joint] += reach * rate * across;
      pose->acceleration[joint] += reach * (rate_change * across - rate * rate * direction);
    }
  }
}

void Adversary::Keep(StateArchive& state) {
  state.Keep(body_share_);
  state.Keep(heading_rad_);
  state.Keep(now_s_);
  state.Keep(next_choice_s_);
  state.Keep(choice_);
  for (Eigen::Vector3d* vector : {&random_direction_, &feet_, &velocity_, &acceleration_}) {
    KeepVector(state, *vector);
  }
  for (Swing& swing : swings_) {
    KeepVector(state, swing.from);
    KeepVector(state, swing.axis);
    state.Keep(swing.angle_rad);
    state.Keep(swing.begin_s);
    state.Keep(swing.duration_s);
  }
}

}  // namespace armature
