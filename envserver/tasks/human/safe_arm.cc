#include "envserver/tasks/human/safe_arm.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "envserver/kit/task.h"
#include "envserver/tasks/human/arm_cover.h"

namespace armature {
namespace {

constexpr double kStiffness = 100;  // 1/s^2
constexpr double kDamping = 20;     // 1/s

ShieldOptions OptionsOf(const ShieldConfig& config, double cycle_s) {
  ShieldOptions options;
  options.mode =
      config.type == "pfl" ? ShieldMode::kPowerAndForceLimiting : ShieldMode::kSpeedAndSeparation;
  options.cycle_s = cycle_s;
  options.path = {config.velocity_rad_s, config.acceleration_rad_s2, config.jerk_rad_s3};
  options.acceleration_allowed_rad_s2 = config.acceleration_allowed_rad_s2;
  options.jerk_allowed_rad_s3 = config.jerk_allowed_rad_s3;
  options.stop_time_max_s = config.stop_time_max_s;
  options.measurement_age_max_s = config.measurement_age_max_s;
  options.safe_speed_m_s = config.safe_speed_m_s;
  options.secure_radius_m = config.secure_radius_m;
  options.tracking_speed_m_s = config.tracking_speed_m_s;
  return options;
}

std::vector<int> LinksOf(const Body& body, absl::Span<const int> dofs) {
  std::vector<int> links;
  for (const int dof : dofs) links.push_back(body.dof_link(dof));
  return links;
}

}  // namespace

void ShieldConfig::Visit(ConfigVisitor& v) {
  v.Field("type", type,
          "off; ssm: the arm stands before a human can touch it; pfl: it is slow then.",
          OneOf({"off", "ssm", "pfl"}));
  v.Field("velocity_rad_s", velocity_rad_s, "Of each joint, on any path.", MoreThan(0));
  v.Field("acceleration_rad_s2", acceleration_rad_s2, "Of each joint, as planned.", MoreThan(0));
  v.Field("jerk_rad_s3", jerk_rad_s3, "Of each joint, as planned.", MoreThan(0));
  v.Field("acceleration_allowed_rad_s2", acceleration_allowed_rad_s2, "When it stops for a human.",
          MoreThan(0));
  v.Field("jerk_allowed_rad_s3", jerk_allowed_rad_s3, "When it stops for a human.", MoreThan(0));
  v.Field("stop_time_max_s", stop_time_max_s, "Of the longest stop; refused if it takes longer.",
          MoreThan(0));
  v.Field("safe_speed_m_s", safe_speed_m_s, "Of the arm's points beside a human; pfl alone.",
          MoreThan(0));
  v.Field("secure_radius_m", secure_radius_m, "Added to the arm's capsules.", AtLeast(0));
  v.Field("tracking_speed_m_s", tracking_speed_m_s,
          "By which the arm may be faster than it is told to be, to catch up.", MoreThan(0));
  v.Field("tracking_error_max_m", tracking_error_max_m,
          "Farther from where it is told to be, the arm stops.", MoreThan(0));
  v.Field("measurement_age_max_s", measurement_age_max_s, "Older measurements are not used.",
          MoreThan(0));
}

void KeepJoints(StateArchive& state, JointVector& values) {
  for (int i = 0; i < values.size(); ++i) state.Keep(values[i]);
}

SafeArm::SafeArm(Body* body, std::vector<int> dofs, ArmModel model, const HumanModel& human,
                 const ShieldConfig& config, SafeArmOptions options)
    : body_(body),
      dofs_(std::move(dofs)),
      model_(std::move(model)),
      drive_(std::move(options)),
      is_shielded_(config.is_on()),
      tracking_error_max_m_(config.tracking_error_max_m),
      shield_options_(OptionsOf(config, drive_.physics_step_s * drive_.steps_per_cycle)),
      human_(is_shielded_ ? human : HumanModel()),
      reach_m_(JointVector::Zero(model_.num_joints())),
      aim_(JointVector::Zero(model_.num_joints())),
      acceleration_(body->num_velocities()),
      force_(body->num_velocities()) {
  if (absl::Status covers = CheckCover(model_, body->model(), LinksOf(*body, dofs_));
      !covers.ok()) {
    throw TaskError(std::string(covers.message()));
  }
  for (int c = 0; c < model_.num_capsules(); ++c) {
    const LinkCapsule& capsule = model_.capsules()[c];
    for (int j = 0; j <= capsule.joint; ++j) {
      reach_m_[j] = std::max(reach_m_[j], model_.reach_m(c, j) + capsule.shape.radius);
    }
  }
  Reset();
}

void SafeArm::BeginShield(const JointVector& position) {
  auto shield = Shield::Create(shield_options_, model_, human_, position);
  if (!shield.ok()) throw TaskError("shield: " + std::string(shield.status().message()));
  shield_ = *std::move(shield);
  planned_ = cycle_end_ = position;
  rate_ = JointVector::Zero(position.size());
}

void SafeArm::Reset() {
  JointVector start = position();
  Clip(start);
  BeginShield(start);
  step_in_cycle_ = 0;
  intervened_ = false;
  cause_ = ShieldCause::kNone;
  tracking_stops_ = 0;
}

JointVector SafeArm::position() const {
  JointVector q(dofs_.size());
  for (size_t i = 0; i < dofs_.size(); ++i) q[i] = body_->joint_position(dofs_[i]);
  return q;
}

JointVector SafeArm::velocity() const {
  JointVector q(dofs_.size());
  for (size_t i = 0; i < dofs_.size(); ++i) q[i] = body_->joint_velocity(dofs_[i]);
  return q;
}

void SafeArm::Clip(JointVector& goal) const {
  goal = goal.cwiseMax(model_.position_min_rad()).cwiseMin(model_.position_max_rad());
}

void SafeArm::SetGoal(const JointVector& goal) {
  JointVector within = goal;
  Clip(within);
  if (absl::Status status = shield_->SetGoal(within); !status.ok()) {
    throw TaskError(std::string(status.message()));
  }
}

double SafeArm::tracking_error_m() const {
  return (position() - planned_).cwiseAbs().dot(reach_m_);
}

double SafeArm::too_fast_m_s() const {
  return (velocity().cwiseAbs() - rate_.cwiseAbs()).cwiseMax(0).dot(reach_m_);
}

void SafeArm::BeginCycle(const HumanMeasurement* measurement) {
  if (tracking_error_m() > tracking_error_max_m_) {
    JointVector here = position();
    Clip(here);
    BeginShield(here);
    ++tracking_stops_;
  }
  const HumanMeasurement nobody;
  const ShieldStep step = shield_->Step(is_shielded_ ? measurement : &nobody);
  intervened_ = step.intervened;
  cause_ = step.cause;
  cycle_end_ = step.desired.position;
}

void SafeArm::HoldCatchingUp(const JointVector& rate, JointVector& aim) const {
  const JointVector too_fast = (aim.cwiseAbs() - rate.cwiseAbs()).cwiseMax(0);
  const double too_fast_m_s = too_fast.dot(reach_m_);
  if (too_fast_m_s <= shield_options_.tracking_speed_m_s) return;
  const double share = shield_options_.tracking_speed_m_s / too_fast_m_s;
  for (int i = 0; i < aim.size(); ++i) {
    aim[i] -= std::copysign((1 - share) * too_fast[i], aim[i]);
  }
}

void SafeArm::Drive() {
  const double dt = drive_.physics_step_s;
  const int steps_left = drive_.steps_per_cycle - step_in_cycle_;
  const JointVector next = planned_ + (cycle_end_ - planned_) / steps_left;
  const JointVector rate = (next - planned_) / dt;
  const int n = static_cast<int>(dofs_.size());
  const JointVector at = position();
  const JointVector speed = velocity();
  if (drive_.motors.empty()) {
    aim_ =
        speed + (rate - rate_) + dt * (kStiffness * (planned_ - at) + kDamping * (rate_ - speed));
    const JointVector unheld = aim_;
    HoldCatchingUp(rate, aim_);
    const double brake = shield_options_.acceleration_allowed_rad_s2 * dt;
    std::fill(acceleration_.begin(), acceleration_.end(), 0.0);
    for (int i = 0; i < n; ++i) {
      // The base is fixed: velocities are the joints'.
      const double aim = std::clamp(aim_[i], unheld[i] - brake, unheld[i] + brake);
      acceleration_[dofs_[i]] = (aim - speed[i]) / dt;
    }
    body_->InverseDynamics(acceleration_, absl::MakeSpan(force_));
    for (const int dof : dofs_) body_->AddJointForce(dof, force_[dof]);
  } else {
    for (int i = 0; i < n; ++i) {
      aim_[i] = rate[i] + drive_.motors[i].kp * (planned_[i] - at[i]) / dt;
    }
    HoldCatchingUp(rate, aim_);
    for (int i = 0; i < n; ++i) {
      MotorTarget target = drive_.motors[i];
      target.position = at[i] + (aim_[i] - rate[i]) * dt / target.kp;
      target.velocity = rate[i];
      body_->SetMotor(dofs_[i], target);
    }
  }
  planned_ = next;
  rate_ = rate;
  step_in_cycle_ = (step_in_cycle_ + 1) % drive_.steps_per_cycle;
}

void SafeArm::Keep(StateArchive& state) {
  shield_->Keep(state);
  KeepJoints(state, planned_);
  KeepJoints(state, rate_);
  KeepJoints(state, cycle_end_);
  state.Keep(step_in_cycle_);
  state.Keep(intervened_);
  state.Keep(cause_);
  state.Keep(tracking_stops_);
}

}  // namespace armature
