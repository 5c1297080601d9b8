// Stands between a policy and an arm, each few milliseconds, so that the arm does not hurt a human.
//
// THEOREM. If
//   1. the human and the tracker keep the bounds of HumanModel;
//   2. the capsules of ArmModel cover all that moves, and no point of the real arm is ever farther
//      than secure_radius_m from where the desired positions put it; in kPowerAndForceLimiting each
//      joint is faster than they move it by x_j at most, with sum_j R_j x_j <= tracking_speed_m_s
//      and R_j the farthest that a point, skin included, can be from joint j's axis (so that
//      sum_j R_j |q_j'|, which bounds the speed of every point, grows by no more than that);
//   3. in the cycle after a Step the arm goes along the path to the desired state, no faster than
//      the path's fastest in that cycle; in (2), "where the desired positions put it" may be
//      anywhere on the cycle's piece of the path;
// then at every instant
//   kSpeedAndSeparation      no point of the human touches the arm while the desired positions move
//                            (ISO 10218-1:2021, 5.10.3: an arm that follows them stands still
//                            before that; one that was held back may still be catching up);
//   kPowerAndForceLimiting   no point of the human touches the arm while a point of it goes faster
//                            than safe_speed_m_s;
// and each joint keeps the allowed velocity, acceleration and jerk, and its position's limits.
// PROOF, by induction over the cycles: docs/decisions/0032-safety-shield.md. At each instant a
// failsafe is in store, verified to its end; at the begin the arm stands. In a cycle either a new
// plan (one cycle ahead, then its failsafe) is verified to its end, and replaces it, or it is
// followed.
//
// What is not promised: a human may walk into an arm that stands, or creeps. The static scene and
// the arm's own links are not looked at. A measurement that shows a bound of (1) broken is counted
// and answered with the failsafe; whether it was in time, nobody can promise.
//
// Thread safety: none.
// Call order: Create (SetGoal? Step)*. After Create a Step allocates nothing.
#ifndef ARMATURE_ENVSERVER_SHIELD_SHIELD_H_
#define ARMATURE_ENVSERVER_SHIELD_SHIELD_H_

#include <array>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "envserver/shield/arm_model.h"
#include "envserver/shield/arm_reach.h"
#include "envserver/shield/human_model.h"
#include "envserver/shield/joint_trajectory.h"
#include "envserver/shield/measurement_check.h"
#include "envserver/shield/path_profile.h"
#include "envserver/shield/safety_check.h"

namespace armature {

enum class ShieldMode { kSpeedAndSeparation, kPowerAndForceLimiting };

// The defaults are those of human-robot-gym's Schunk arm.
struct ShieldOptions {
  // InvalidArgument: a number that is not above 0 (the last two: below 0), no room between limits
  // of paths and what is allowed, stops that may take longer than stop_time_max_s.
  absl::Status Validate() const;

  // Of path speed, so that for every joint, with |q_L'| <= v, |q_L''| <= a, |q_L'''| <= j and path
  // speed in [0, 1], on any path and at any time
  //   |q''|  = |q_L'' s'^2 + q_L' s''|                           <= a + v A           = allowed
  //   |q'''| = |q_L''' s'^3 + 3 q_L'' s' s'' + q_L' s'''|        <= j + 3 a A + v J   = allowed.
  PathLimits path_speed_limits() const;

  ShieldMode mode = ShieldMode::kSpeedAndSeparation;
  double cycle_s = 0.004;
  JointLimits path = {1, 2, 15};            // v, a, j of a path at path speed 1.
  double acceleration_allowed_rad_s2 = 10;  // Of what is executed; velocity: path.velocity.
  double jerk_allowed_rad_s3 = 400;
  double stop_time_max_s = 0.2;  // Of every failsafe.
  double measurement_age_max_s = 0.1;
  double safe_speed_m_s = 0.05;  // kPowerAndForceLimiting alone.
  double secure_radius_m = 0.02;
  double tracking_speed_m_s = 0;  // kPowerAndForceLimiting alone; below safe_speed_m_s.
};

enum class ShieldCause {
  kNone,     // A new plan was verified.
  kHuman,    // None could be: a human may come into its way.
  kMissing,  // No measurement, and so on as in Measurement.
  kLate,
  kMalformed,
  kImplausible,
};
inline constexpr int kShieldCauses = 6;

struct ShieldStep {
  JointState desired;  // At the end of the cycle that begins with the call.
  ShieldCause cause = ShieldCause::kNone;
  bool intervened = false;  // cause is not kNone: the arm brakes, or waits.
  double path_speed = 0;    // At the same time, in [0, 1].
};

class Shield {
 public:
  // The arm stands at `position`. InvalidArgument: an option, the model of the human, a position
  // outside the joints' limits.
  static absl::StatusOr<std::unique_ptr<Shield>> Create(const ShieldOptions& options, ArmModel arm,
                                                        HumanModel human,
                                                        const JointVector& position);

  Shield(const Shield&) = delete;
  Shield& operator=(const Shield&) = delete;

  // Where to go, from the first Step on in which a path there can be planned and verified; until
  // then the goal waits. Replaces a goal that waits. InvalidArgument: not one finite position a
  // joint within its limits; the goal before it stays.
  absl::Status SetGoal(const JointVector& goal);

  // A cycle: what the tracker knows of the human now; null: nothing.
  ShieldStep Step(const HumanMeasurement* measurement);

  const JointState& desired() const { return state_; }
  bool goal_waits() const { return goal_waits_; }

  // The failsafe in store: how long it goes on, and where it ends (or begins to creep).
  double failsafe_left_s() const;
  void FailsafeEnd(JointVector& position) const;

  // Names all that later steps depend on, for saving and restoring; an archive as
  // envserver/kit/state_archive.h has it. Both shields are of the same options and models.
  template <typename Archive>
  void Keep(Archive& archive);

  // Steps by cause, since Create.
  int64_t steps(ShieldCause cause) const { return steps_[static_cast<int>(cause)]; }
  // Of them, those in which Ruckig failed to plan, or the path would have left the joints' limits.
  int64_t unplanned_steps() const { return unplanned_steps_; }

 private:
  Shield(const ShieldOptions& options, ArmModel arm, HumanModel human, const JointVector& position);

  enum class NewPath { kTaken, kUnsafe, kNotYet };

  ShieldCause Advance(const HumanMeasurement& measurement);
  NewPath TryNewPath(const HumanMeasurement& measurement);
  template <typename Archive>
  static void Keep(Archive& archive, JointVector& values) {
    for (double& value : values) archive.Keep(value);
  }
  template <typename Archive>
  static void Keep(Archive& archive, JointState& state) {
    Keep(archive, state.position);
    Keep(archive, state.velocity);
    Keep(archive, state.acceleration);
  }
  // Makes path_ the one that was planned so, or stands at `goal`. False: there is none.
  bool Replan(bool is_planned, const JointState& start, const JointVector& goal);
  // Plans one cycle towards `target` and a failsafe after it, and takes both if they are safe.
  bool Try(const JointTrajectory& path, const PathState& start, double target, double stop_speed,
           const HumanMeasurement& measurement);
  void ContinueFailsafe();

  const ShieldOptions options_;
  const PathLimits path_limits_;
  const ArmModel arm_;
  const HumanModel human_;
  ArmReach reach_;
  SafetyCheck safety_;
  MeasurementCheck measurements_;
  TrajectoryPlanner planner_;

  JointTrajectory path_;
  JointTrajectory next_path_;
  double stop_speed_ = 0;  // Path speed at the end of a failsafe on path_.
  PathState path_state_;
  PathProfile failsafe_;  // On path_, verified; path_state_ is failsafe_.At(failsafe_s_).
  double failsafe_s_ = 0;
  JointState state_;

  JointVector goal_;
  bool goal_waits_ = false;
  bool goal_was_unsafe_ = false;  // The arm stops before it is tried again in another state.
  int64_t cycles_ = 0;
  int64_t unplanned_steps_ = 0;
  std::array<int64_t, kShieldCauses> steps_ = {};
};

template <typename Archive>
void Shield::Keep(Archive& archive) {
  bool is_planned = path_.is_planned();
  JointState start = path_.start();
  JointVector goal = path_.goal();
  archive.Keep(is_planned);
  Keep(archive, start);
  Keep(archive, goal);
  archive.Keep(stop_speed_);
  path_state_.Keep(archive);
  failsafe_.Keep(archive);
  archive.Keep(failsafe_s_);
  Keep(archive, state_);
  Keep(archive, goal_);
  archive.Keep(goal_waits_);
  archive.Keep(goal_was_unsafe_);
  archive.Keep(cycles_);
  archive.Keep(unplanned_steps_);
  archive.Keep(steps_);
  measurements_.Keep(archive);
  if (!archive.is_saving() && archive.ok()) archive.Check(Replan(is_planned, start, goal));
}

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SHIELD_SHIELD_H_
