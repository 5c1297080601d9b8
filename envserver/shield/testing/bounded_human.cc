#include "envserver/shield/testing/bounded_human.h"

#include <algorithm>
#include <cmath>

#include "envserver/human/human_figure.h"

namespace armature {
namespace {

constexpr double kBodyAcceleration_m_s2 = 20;  // The least of the joints'.
constexpr double kArmAcceleration_m_s2 = 50;
constexpr double kHistory_s = 0.5;
// Of a minimum-jerk way of length 1 in time 1.
constexpr double kPeakSpeed = 1.875;
constexpr double kPeakAcceleration = 5.7736;
// Along an arm, from the shoulder to the hand.
constexpr double kElbowShare = 0.45;
constexpr double kWristShare = 0.88;
constexpr double kReachMax_m = 0.8;

}  // namespace

BoundedHuman::BoundedHuman(const HumanModel& model, double body_share, const Eigen::Vector3d& feet,
                           Rng* rng)
    : model_(model), body_share_(body_share), rng_(*rng), standing_(StandingAt(feet)) {
  for (int side : {0, 1}) {
    reach_[side].from = reach_[side].to = standing_[kHand[side]] - standing_[kShoulder[side]];
  }
  random_direction_ = OnSphere(1);
  Pose();
}

Eigen::Vector3d BoundedHuman::OnSphere(double radius) {
  const Eigen::Vector3d v(rng_.Normal(), rng_.Normal(), rng_.Normal());
  return v * (radius / std::max(v.norm(), 1e-9));
}

Eigen::Vector3d BoundedHuman::Aim(const Eigen::Vector3d& from, absl::Span<const Capsule> arm) {
  Eigen::Vector3d nearest = from;
  double least = 1e9;
  for (const Capsule& link : arm) {
    for (const Eigen::Vector3d& point : {link.a, link.b, Eigen::Vector3d((link.a + link.b) / 2)}) {
      if ((point - from).norm() < least) {
        least = (point - from).norm();
        nearest = point;
      }
    }
  }
  return nearest;
}

void BoundedHuman::ChooseReach(int side, absl::Span<const Capsule> arm) {
  Reach& reach = reach_[side];
  if (now_s_ < reach.begin_s + reach.duration_s) return;
  const Eigen::Vector3d shoulder = standing_[kShoulder[side]] + body_position_;
  reach.from = reach.to;
  if (rng_.Uniform(0, 1) < 0.7) {
    reach.to = Aim(shoulder + reach.from, arm) - shoulder;
  } else {
    reach.to = OnSphere(rng_.Uniform(0.1, kReachMax_m));
  }
  if (reach.to.norm() > kReachMax_m) reach.to *= kReachMax_m / reach.to.norm();
  const double length = (reach.to - reach.from).norm();
  const double speed = model_.speed_max_m_s * (1 - body_share_);
  const double acceleration = kArmAcceleration_m_s2 - kBodyAcceleration_m_s2 * body_share_;
  reach.begin_s = now_s_;
  if (speed < 1e-9) {
    reach.to = reach.from;
    reach.duration_s = 1;
    return;
  }
  reach.duration_s = std::max(
      {kPeakSpeed * length / speed, std::sqrt(kPeakAcceleration * length / acceleration), 1e-3});
}

void BoundedHuman::Step(double dt, absl::Span<const Capsule> arm) {
  if (now_s_ >= next_choice_s_) {
    choice_ = static_cast<int>(rng_.Index(6));
    random_direction_ = OnSphere(1);
    next_choice_s_ = now_s_ + rng_.Uniform(0.05, 0.8);
  }
  const Eigen::Vector3d chest = standing_[9] + body_position_;
  const Eigen::Vector3d way = Aim(chest, arm) - chest;
  Eigen::Vector3d towards = way / std::max(way.norm(), 1e-9);
  if (choice_ == 3) towards = -towards;
  if (choice_ == 4) towards = random_direction_;
  if (choice_ == 5) towards.setZero();
  if (way.norm() > 2) towards = way.normalized();  // Stays near.
  const Eigen::Vector3d wanted = towards * (model_.speed_max_m_s * body_share_);
  Eigen::Vector3d change = wanted - body_velocity_;
  const double change_max = kBodyAcceleration_m_s2 * body_share_ * dt;
  if (change.norm() > change_max) change *= change_max / change.norm();
  body_position_ += (body_velocity_ + change / 2) * dt;
  body_velocity_ += change;
  for (int side : {0, 1}) ChooseReach(side, arm);
  now_s_ += dt;
  Pose();
}

void BoundedHuman::Pose() {
  Moment moment = {now_s_, standing_, std::vector<Eigen::Vector3d>(standing_.size())};
  for (size_t j = 0; j < standing_.size(); ++j) {
    moment.position[j] += body_position_;
    moment.velocity[j] = body_velocity_;
  }
  for (int side : {0, 1}) {
    const Reach& reach = reach_[side];
    double x = 1;
    double rate = 0;
    if (reach.duration_s > 0 && now_s_ < reach.begin_s + reach.duration_s) {
      const double u = (now_s_ - reach.begin_s) / reach.duration_s;
      x = u * u * u * (10 + u * (-15 + 6 * u));
      rate = 30 * u * u * (1 - u) * (1 - u) / reach.duration_s;
    }
    const Eigen::Vector3d hand = reach.from + x * (reach.to - reach.from);
    const Eigen::Vector3d speed = rate * (reach.to - reach.from);
    const Eigen::Vector3d& shoulder = moment.position[kShoulder[side]];
    const auto place = [&](int joint, double share) {
      moment.position[joint] = shoulder + share * hand;
      moment.velocity[joint] = body_velocity_ + share * speed;
    };
    place(kElbow[side], kElbowShare);
    place(kWrist[side], kWristShare);
    place(kHand[side], 1);
  }
  history_.push_back(std::move(moment));
  while (history_.front().time_s < now_s_ - kHistory_s) history_.pop_front();
}

std::vector<Capsule> BoundedHuman::Body() const {
  std::vector<Capsule> body;
  const Moment& now = history_.back();
  for (const HumanCapsule& part : model_.capsules) {
    body.push_back({now.position[part.joint_a], now.position[part.joint_b], part.radius_m});
  }
  return body;
}

HumanMeasurement BoundedHuman::Measure(double age_s) {
  // A moment as old as the model allows at most. Moments are what Step went through.
  const double oldest_s = now_s_ - age_s - model_.delay_s;
  const double wanted_s =
      rng_.Uniform(0, 1) < 0.5 ? oldest_s : rng_.Uniform(oldest_s, now_s_ - age_s);
  size_t i = history_.size() - 1;
  while (i > 0 &&
         (history_[i].time_s > now_s_ - age_s + 1e-9 || history_[i - 1].time_s > wanted_s - 1e-9)) {
    --i;
  }
  // Before it was born, it stood where it is.
  measured_ = history_[i];
  for (size_t j = 0; j < measured_.position.size(); ++j) {
    measured_.position[j] += OnSphere(model_.position_error_m);
    measured_.velocity[j] += OnSphere(model_.velocity_error_m_s);
  }
  HumanMeasurement measurement;
  measurement.age_s = age_s;
  measurement.position = measured_.position;
  measurement.velocity = measured_.velocity;
  return measurement;
}

}  // namespace armature
