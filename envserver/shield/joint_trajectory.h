// Jerk-limited, time-synchronised trajectories from any state of the joints to a goal at rest.
//
// Ruckig plans them (Berscheid and Kroeger 2021, "Jerk-limited Real-time Trajectory Generation with
// Arbitrary Target States"). All joints arrive together.
// Thread safety: none; one planner and its trajectories a thread.
// Call order: Create Plan*
#ifndef ARMATURE_ENVSERVER_SHIELD_JOINT_TRAJECTORY_H_
#define ARMATURE_ENVSERVER_SHIELD_JOINT_TRAJECTORY_H_

#include <memory>

#include "absl/status/status.h"
#include "envserver/shield/arm_model.h"

namespace armature {

struct JointState {
  JointVector position;      // rad
  JointVector velocity;      // rad/s
  JointVector acceleration;  // rad/s^2
};

// The same for every joint.
struct JointLimits {
  double velocity = 0;      // rad/s
  double acceleration = 0;  // rad/s^2
  double jerk = 0;          // rad/s^3
};

class JointTrajectory {
 public:
  explicit JointTrajectory(const JointVector& position);  // Stands there.
  ~JointTrajectory();
  JointTrajectory(JointTrajectory&&);
  JointTrajectory& operator=(JointTrajectory&&);

  // At path time s >= 0; after duration_s the joints stand at the goal, exactly. Allocates nothing
  // once `out` has its size.
  void At(double s, JointState& out) const;

  double duration_s() const { return duration_s_; }
  // What it was planned from and for; planned again, it is the same to the bit.
  bool is_planned() const { return is_planned_; }
  const JointState& start() const { return start_; }
  const JointVector& goal() const { return goal_; }

  // Whether no joint leaves [min, max] by more than 1e-7 rad, anywhere on it. Pieces are bisected
  // as long as a bound of what is between their ends leaves it open. (Ruckig's own extrema miss
  // those in phases of constant acceleration.) Allocates nothing.
  bool StaysWithin(const JointVector& min, const JointVector& max) const;

 private:
  friend class TrajectoryPlanner;
  struct Ruckig;

  std::unique_ptr<Ruckig> ruckig_;
  bool StaysWithin(const JointVector& min, const JointVector& max, double s0,
                   const JointState& begin, double s1, const JointState& end) const;

  double duration_s_ = 0;
  JointLimits limits_;
  bool is_planned_ = false;
  JointState start_;
  JointVector goal_;
};

// No |x| between `begin` and `end` is larger, where x changes by at most `slope` and |x| <=
// `limit`. |x(s)| is below |x(s0)| + slope (s - s0) and |x(s1)| + slope (s1 - s), so below their
// mean too.
JointVector MostBetween(const JointVector& begin, const JointVector& end, double slope, double h,
                        double limit);

class TrajectoryPlanner {
 public:
  // Every limit must be above 0.
  TrajectoryPlanner(int num_joints, const JointLimits& limits);
  ~TrajectoryPlanner();

  // Whether Plan's trajectory keeps the limits from its begin on: |a| <= a_max and, once a joint's
  // acceleration has gone to 0 with the limit of jerk, |v| <= v_max.
  bool CanPlanFrom(const JointState& start) const;

  // Writes the trajectory; on an error, what was in it is lost. Internal: Ruckig found none.
  // Allocates nothing unless it fails.
  absl::Status Plan(const JointState& start, const JointVector& goal, JointTrajectory& out);

 private:
  struct Ruckig;

  JointLimits limits_;
  std::unique_ptr<Ruckig> ruckig_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SHIELD_JOINT_TRAJECTORY_H_
