#include "envserver/shield/shield.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"

namespace armature {
namespace {

ShieldCause CauseOf(Measurement measurement) {
  switch (measurement) {
    case Measurement::kGood:
      return ShieldCause::kNone;
    case Measurement::kMissing:
      return ShieldCause::kMissing;
    case Measurement::kLate:
      return ShieldCause::kLate;
    case Measurement::kMalformed:
      return ShieldCause::kMalformed;
    case Measurement::kImplausible:
      return ShieldCause::kImplausible;
  }
  return ShieldCause::kMissing;
}

double SafeSpeed(const ShieldOptions& options) {
  if (options.mode == ShieldMode::kSpeedAndSeparation) return 0;
  return options.safe_speed_m_s - options.tracking_speed_m_s;
}

absl::Status CheckPosition(const ArmModel& arm, const JointVector& position, const char* what) {
  if (position.size() != arm.num_joints()) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " has ", position.size(), " joints, the arm ", arm.num_joints()));
  }
  for (int i = 0; i < arm.num_joints(); ++i) {
    const ArmJoint& joint = arm.joints()[i];
    if (!(position[i] >= joint.position_min_rad && position[i] <= joint.position_max_rad)) {
      return absl::InvalidArgumentError(absl::StrCat(what, " of joint ", i, " is ", position[i],
                                                     " rad, not in [", joint.position_min_rad, ", ",
                                                     joint.position_max_rad, "]"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

PathLimits ShieldOptions::path_speed_limits() const {
  PathLimits limits;
  limits.acceleration = (acceleration_allowed_rad_s2 - path.acceleration) / path.velocity;
  limits.jerk = (jerk_allowed_rad_s3 - 3 * path.acceleration * limits.acceleration - path.jerk) /
                path.velocity;
  return limits;
}

absl::Status ShieldOptions::Validate() const {
  const std::pair<const char*, double> positive[] = {
      {"cycle_s", cycle_s},
      {"path.velocity", path.velocity},
      {"path.acceleration", path.acceleration},
      {"path.jerk", path.jerk},
      {"acceleration_allowed_rad_s2", acceleration_allowed_rad_s2},
      {"jerk_allowed_rad_s3", jerk_allowed_rad_s3},
      {"stop_time_max_s", stop_time_max_s},
      {"measurement_age_max_s", measurement_age_max_s},
      {"safe_speed_m_s", safe_speed_m_s}};
  for (const auto& [name, value] : positive) {
    if (!(std::isfinite(value) && value > 0)) {
      return absl::InvalidArgumentError(absl::StrCat(name, " is ", value, "; must be above 0"));
    }
  }
  if (!(std::isfinite(secure_radius_m) && secure_radius_m >= 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("secure_radius_m is ", secure_radius_m, "; must be 0 or more"));
  }
  if (!(tracking_speed_m_s >= 0 && tracking_speed_m_s < safe_speed_m_s)) {
    return absl::InvalidArgumentError(absl::StrCat("tracking_speed_m_s is ", tracking_speed_m_s,
                                                   "; must be in [0, ", safe_speed_m_s, ")"));
  }
  const PathLimits limits = path_speed_limits();
  if (!(limits.acceleration > 0 && limits.jerk > 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the limits of paths leave no room for stops: path acceleration ",
                     limits.acceleration, ", path jerk ", limits.jerk, "; must be above 0"));
  }
  if (!(LongestStop(limits) <= stop_time_max_s)) {
    return absl::InvalidArgumentError(absl::StrCat("a stop may take ", LongestStop(limits),
                                                   " s, stop_time_max_s is ", stop_time_max_s));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Shield>> Shield::Create(const ShieldOptions& options, ArmModel arm,
                                                       HumanModel human,
                                                       const JointVector& position) {
  absl::Status status = options.Validate();
  if (status.ok()) status = human.Validate();
  if (status.ok()) status = CheckPosition(arm, position, "the position");
  if (!status.ok()) return status;
  return std::unique_ptr<Shield>(new Shield(options, std::move(arm), std::move(human), position));
}

Shield::Shield(const ShieldOptions& options, ArmModel arm, HumanModel human,
               const JointVector& position)
    : options_(options),
      path_limits_(options.path_speed_limits()),
      arm_(std::move(arm)),
      human_(std::move(human)),
      reach_(&arm_, options.path, options.secure_radius_m),
      safety_(&arm_, &reach_, &human_, SafeSpeed(options)),
      measurements_(&human_, options.measurement_age_max_s),
      planner_(arm_.num_joints(), options.path),
      path_(position),
      next_path_(position),
      goal_(position) {
  path_.At(0, state_);
}

absl::Status Shield::SetGoal(const JointVector& goal) {
  absl::Status status = CheckPosition(arm_, goal, "the goal");
  if (!status.ok()) return status;
  goal_ = goal;
  goal_waits_ = true;
  goal_was_unsafe_ = false;
  return absl::OkStatus();
}

ShieldStep Shield::Step(const HumanMeasurement* measurement) {
  const double now_s = static_cast<double>(cycles_++) * options_.cycle_s;
  ShieldStep step;
  const Measurement quality = measurements_.Check(measurement, now_s);
  step.cause = quality == Measurement::kGood ? Advance(*measurement) : CauseOf(quality);
  if (quality != Measurement::kGood) ContinueFailsafe();
  path_.At(path_state_.s, state_);
  // By path time so far; by time it is q' = q_L' s', q'' = q_L'' s'^2 + q_L' s''.
  state_.acceleration = state_.acceleration * (path_state_.speed * path_state_.speed) +
                        state_.velocity * path_state_.acceleration;
  state_.velocity *= path_state_.speed;
  step.desired = state_;
  step.intervened = step.cause != ShieldCause::kNone;
  step.path_speed = path_state_.speed;
  ++steps_[static_cast<int>(step.cause)];
  return step;
}

ShieldCause Shield::Advance(const HumanMeasurement& measurement) {
  if (goal_waits_) {
    const NewPath found = TryNewPath(measurement);
    if (found == NewPath::kTaken) return ShieldCause::kNone;
    if (found == NewPath::kUnsafe) goal_was_unsafe_ = true;
    if (goal_was_unsafe_) {
      // A path from rest is the easiest to find safe, and a failsafe in store may creep.
      const bool is_stop = stop_speed_ == 0;
      if (is_stop || !Try(path_, path_state_, 0, 0, measurement)) ContinueFailsafe();
      return ShieldCause::kHuman;
    }
  }
  if (Try(path_, path_state_, 1, stop_speed_, measurement)) return ShieldCause::kNone;
  ContinueFailsafe();
  return ShieldCause::kHuman;
}

Shield::NewPath Shield::TryNewPath(const HumanMeasurement& measurement) {
  if (!planner_.CanPlanFrom(state_)) return NewPath::kNotYet;
  const absl::Status planned = planner_.Plan(state_, goal_, next_path_);
  if (!planned.ok() || !next_path_.StaysWithin(arm_.position_min_rad(), arm_.position_max_rad())) {
    ++unplanned_steps_;
    return NewPath::kNotYet;
  }
  double stop_speed = 0;
  if (options_.mode == ShieldMode::kPowerAndForceLimiting) {
    const double fastest_m_s = reach_.SpeedBound(next_path_);
    stop_speed = std::min(1.0, SafeSpeed(options_) / std::max(fastest_m_s, 1e-9));
  }
  // The path begins with the arm's own velocity, so at path speed 1. From rest it may as well begin
  // at 0: that is slower, and can stop sooner.
  const bool is_at_rest = state_.velocity.isZero(0) && state_.acceleration.isZero(0);
  const double start_speed = is_at_rest && goal_was_unsafe_ ? 0 : 1;
  if (!Try(next_path_, {0, start_speed, 0}, 1, stop_speed, measurement)) return NewPath::kUnsafe;
  std::swap(path_, next_path_);
  stop_speed_ = stop_speed;
  goal_waits_ = false;
  return NewPath::kTaken;
}

bool Shield::Try(const JointTrajectory& path, const PathState& start, double target,
                 double stop_speed, const HumanMeasurement& measurement) {
  PathPlan plan;
  plan.path = &path;
  plan.cycle_s = options_.cycle_s;
  plan.first = PathProfile(start, target, path_limits_);
  const PathState after_cycle = plan.first.At(options_.cycle_s);
  plan.then = PathProfile(after_cycle, stop_speed, path_limits_);
  if (!safety_.IsSafe(plan, measurement)) return false;
  path_state_ = after_cycle;
  failsafe_ = plan.then;
  failsafe_s_ = 0;
  return true;
}

double Shield::failsafe_left_s() const {
  return std::max(0.0, failsafe_.duration_s() - failsafe_s_);
}

void Shield::FailsafeEnd(JointVector& position) const {
  JointState end;
  path_.At(failsafe_.At(failsafe_.duration_s()).s, end);
  position = end.position;
}

bool Shield::Replan(bool is_planned, const JointState& start, const JointVector& goal) {
  if (is_planned) return planner_.Plan(start, goal, path_).ok();
  path_ = JointTrajectory(goal);
  return goal.allFinite();
}

void Shield::ContinueFailsafe() {
  failsafe_s_ += options_.cycle_s;
  path_state_ = failsafe_.At(failsafe_s_);
}

}  // namespace armature
