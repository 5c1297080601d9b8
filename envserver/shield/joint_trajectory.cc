#include "envserver/shield/joint_trajectory.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ruckig/ruckig.hpp"

namespace armature {
namespace {

// Of Ruckig's sums; a state on a trajectory at its limits must not be refused for them.
constexpr double kRounding = 1e-9;
constexpr double kLimitRounding = 1.0001;

}  // namespace

struct JointTrajectory::Ruckig {
  explicit Ruckig(int num_joints)
      : trajectory(num_joints),
        position(num_joints),
        velocity(num_joints),
        acceleration(num_joints) {}

  ruckig::Trajectory<0> trajectory;
  // Where At has Ruckig write.
  std::vector<double> position;
  std::vector<double> velocity;
  std::vector<double> acceleration;
};

JointTrajectory::JointTrajectory(const JointVector& position)
    : ruckig_(std::make_unique<Ruckig>(static_cast<int>(position.size()))),
      start_{position, JointVector::Zero(position.size()), JointVector::Zero(position.size())},
      goal_(position) {}

JointTrajectory::~JointTrajectory() = default;
JointTrajectory::JointTrajectory(JointTrajectory&&) = default;
JointTrajectory& JointTrajectory::operator=(JointTrajectory&&) = default;

void JointTrajectory::At(double s, JointState& out) const {
  const int n = static_cast<int>(goal_.size());
  out.velocity.setZero(n);
  out.acceleration.setZero(n);
  if (s >= duration_s_) {
    out.position = goal_;
    return;
  }
  ruckig_->trajectory.at_time(s, ruckig_->position, ruckig_->velocity, ruckig_->acceleration);
  out.position = Eigen::Map<const Eigen::VectorXd>(ruckig_->position.data(), n);
  out.velocity = Eigen::Map<const Eigen::VectorXd>(ruckig_->velocity.data(), n);
  out.acceleration = Eigen::Map<const Eigen::VectorXd>(ruckig_->acceleration.data(), n);
}

bool JointTrajectory::StaysWithin(const JointVector& min, const JointVector& max) const {
  JointState begin, end;
  At(0, begin);
  At(duration_s_, end);
  return StaysWithin(min, max, 0, begin, duration_s_, end);
}

bool JointTrajectory::StaysWithin(const JointVector& min, const JointVector& max, double s0,
                                  const JointState& begin, double s1, const JointState& end) const {
  constexpr double kTolerance_rad = 1e-7;  // Ruckig reaches goals as exactly as 1e-8.
  constexpr double kShortest_s = 1e-4;     // What is between its ends leaves them by 3e-9 rad.
  const double h = s1 - s0;
  const JointVector bend =
      MostBetween(begin.acceleration, end.acceleration, limits_.jerk, h, limits_.acceleration) *
      (h * h / 8);
  const JointVector room = (begin.position.cwiseMin(end.position) - min)
                               .cwiseMin(max - begin.position.cwiseMax(end.position));
  if (room.minCoeff() < -kTolerance_rad) return false;
  if (h < kShortest_s || (room - bend).minCoeff() >= -kTolerance_rad) return true;
  JointState middle;
  At((s0 + s1) / 2, middle);
  return StaysWithin(min, max, s0, begin, (s0 + s1) / 2, middle) &&
         StaysWithin(min, max, (s0 + s1) / 2, middle, s1, end);
}

JointVector MostBetween(const JointVector& begin, const JointVector& end, double slope, double h,
                        double limit) {
  const JointVector most = (begin.cwiseAbs() + end.cwiseAbs()).array() / 2 + slope * h / 2;
  return most.cwiseMin(limit) * kLimitRounding;
}

struct TrajectoryPlanner::Ruckig {
  explicit Ruckig(int num_joints) : planner(num_joints), input(num_joints) {}

  ruckig::Ruckig<0> planner;
  ruckig::InputParameter<0> input;
};

TrajectoryPlanner::TrajectoryPlanner(int num_joints, const JointLimits& limits)
    : limits_(limits), ruckig_(std::make_unique<Ruckig>(num_joints)) {
  for (int i = 0; i < num_joints; ++i) {
    ruckig_->input.max_velocity[i] = limits.velocity;
    ruckig_->input.max_acceleration[i] = limits.acceleration;
    ruckig_->input.max_jerk[i] = limits.jerk;
  }
}

TrajectoryPlanner::~TrajectoryPlanner() = default;

bool TrajectoryPlanner::CanPlanFrom(const JointState& start) const {
  for (int i = 0; i < start.velocity.size(); ++i) {
    const double a = start.acceleration[i];
    const double released = start.velocity[i] + a * std::abs(a) / (2 * limits_.jerk);
    if (std::abs(a) > limits_.acceleration + kRounding) return false;
    if (std::abs(start.velocity[i]) > limits_.velocity + kRounding) return false;
    if (std::abs(released) > limits_.velocity + kRounding) return false;
  }
  return true;
}

absl::Status TrajectoryPlanner::Plan(const JointState& start, const JointVector& goal,
                                     JointTrajectory& out) {
  ruckig::InputParameter<0>& input = ruckig_->input;
  for (int i = 0; i < goal.size(); ++i) {
    input.current_position[i] = start.position[i];
    input.current_velocity[i] = start.velocity[i];
    input.current_acceleration[i] = start.acceleration[i];
    input.target_position[i] = goal[i];
  }
  const ruckig::Result result = ruckig_->planner.calculate(input, out.ruckig_->trajectory);
  if (result < 0) {
    return absl::InternalError(absl::StrCat("Ruckig found no trajectory: error ", result));
  }
  out.duration_s_ = out.ruckig_->trajectory.get_duration();
  out.is_planned_ = true;
  out.start_ = start;
  out.goal_ = goal;
  out.limits_ = limits_;
  return absl::OkStatus();
}

}  // namespace armature
