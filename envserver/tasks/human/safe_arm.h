// An arm of a body, behind the safety shield of envserver/shield.
//
// Each cycle the shield takes what the tracker says of the human, and the goal, and says where the
// joints are to be at the cycle's end. The drives follow, each physics step:
//   torques   tau = M (a + kp e + kd e') + bias, kp 100, kd 20; a, e and e' are those of the
//             positions that were planned, by differences over physics steps
//   motors    Bullet's position motors (envserver/bullet/body_state.h), which aim at the same
// Physics steps divide the cycle; in between, joints go the straight way.
// An arm that was held back, e.g. by a table, catches up slowly once it is let go: the velocities
// u_j that the drives aim at are held to
//   |u_j| <= |r_j| + x_j,  sum_j R_j x_j <= shield.tracking_speed_m_s
// where r_j is what the joint was told and R_j the reach of what it moves. So no point of the arm
// is faster than the shield's bound, sum_j R_j |r_j|, by more than that. An arm that is faster,
// e.g. since it was pushed, brakes by up to shield.acceleration_allowed_rad_s2 harder than it
// would. With shield.type off the same trajectories are planned, and no human is known of.
//
// The promise assumes that the arm is where it is told to be. Where it is not, e.g. since a table
// stops it, by more than shield.tracking_error_max_m, it stops: the shield begins anew from where
// the joints are. These stops are counted.
// Thread safety: none, like its world.
// Call order: (Reset | Keep) (SetGoal? (CycleBegins? BeginCycle)? Drive)*; Drive before each
// physics step.
#ifndef ARMATURE_ENVSERVER_TASKS_HUMAN_SAFE_ARM_H_
#define ARMATURE_ENVSERVER_TASKS_HUMAN_SAFE_ARM_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "Eigen/Geometry"
#include "absl/types/span.h"
#include "common/config/config.h"
#include "envserver/bullet/body.h"
#include "envserver/kit/state_archive.h"
#include "envserver/shield/arm_model.h"
#include "envserver/shield/human_model.h"
#include "envserver/shield/shield.h"

namespace armature {

// The keys shield.*.
struct ShieldConfig {
  std::string type = "ssm";
  double velocity_rad_s = 1;
  double acceleration_rad_s2 = 2;
  double jerk_rad_s3 = 15;
  double acceleration_allowed_rad_s2 = 10;
  double jerk_allowed_rad_s3 = 400;
  double stop_time_max_s = 0.2;
  double safe_speed_m_s = 0.05;
  double secure_radius_m = 0.02;
  double tracking_speed_m_s = 0.005;
  double tracking_error_max_m = 0.005;
  double measurement_age_max_s = 0.1;

  void Visit(ConfigVisitor& v);
  bool is_on() const { return type != "off"; }
};

struct SafeArmOptions {
  double physics_step_s = 0.004;
  int steps_per_cycle = 1;
  // Motors, if not empty; one a joint, of which kp, kd and force_max are taken.
  std::vector<MotorTarget> motors;
};

class SafeArm {
 public:
  // `dofs` of `body`, from its base outwards, are the joints of `model`, whose capsules must hold
  // all that they move; `human` is what is assumed of the human, and of its tracker. Throws
  // TaskError: options, or capsules, that cannot be.
  SafeArm(Body* body, std::vector<int> dofs, ArmModel model, const HumanModel& human,
          const ShieldConfig& config, SafeArmOptions options);

  // The arm stands where its joints are.
  void Reset();

  // Held to the joints' limits.
  void SetGoal(const JointVector& goal);

  // Whether a cycle begins with the next Drive; then BeginCycle comes first, with what is known of
  // the human, in the frame of the arm's base. Null: nothing.
  bool cycle_begins() const { return step_in_cycle_ == 0; }
  void BeginCycle(const HumanMeasurement* measurement);
  void Drive();

  Body& body() { return *body_; }
  const Body& body() const { return *body_; }
  const ArmModel& model() const { return model_; }
  absl::Span<const int> dofs() const { return dofs_; }
  const ShieldOptions& options() const { return shield_options_; }
  bool is_shielded() const { return is_shielded_; }
  const Shield& shield() const { return *shield_; }

  // Where the joints are, and how fast.
  JointVector position() const;
  JointVector velocity() const;
  // Where `goal` is held to the joints' limits.
  void Clip(JointVector& goal) const;

  // Of the last cycle.
  bool intervened() const { return intervened_; }
  ShieldCause cause() const { return cause_; }
  // No point of the arm is farther from where it is told to be, m.
  double tracking_error_m() const;
  int64_t tracking_stops() const { return tracking_stops_; }  // Since Reset.
  // sum_j R_j max(0, |q_j'| - |r_j|), as above, after the last physics step. Above
  // shield.tracking_speed_m_s the shield's assumption is broken, and its promise void: what the arm
  // touches pushes it.
  double too_fast_m_s() const;

  void Keep(StateArchive& state);

 private:
  void BeginShield(const JointVector& position);
  // Holds the velocities that the joints are sent to, as the header says; `rate` is what they are
  // told.
  void HoldCatchingUp(const JointVector& rate, JointVector& aim) const;

  Body* body_;
  const std::vector<int> dofs_;
  const ArmModel model_;
  const SafeArmOptions drive_;
  const bool is_shielded_;
  const double tracking_error_max_m_;
  ShieldOptions shield_options_;
  HumanModel human_;  // That the shield assumes; without joints if it is off.
  std::unique_ptr<Shield> shield_;
  JointVector reach_m_;  // By joint: of the farthest point that it moves.

  JointVector planned_;    // Where the joints are to be now,
  JointVector rate_;       // how fast they came there,
  JointVector cycle_end_;  // and where they are to be at the cycle's end.
  int step_in_cycle_ = 0;
  bool intervened_ = false;
  ShieldCause cause_ = ShieldCause::kNone;
  int64_t tracking_stops_ = 0;
  JointVector aim_;                   // Of a physics step: where the drives send the velocities.
  std::vector<double> acceleration_;  // [num_velocities]
  std::vector<double> force_;         // [num_velocities]
};

void KeepJoints(StateArchive& state, JointVector& values);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_HUMAN_SAFE_ARM_H_
