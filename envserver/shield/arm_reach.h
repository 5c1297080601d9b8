// Where an arm is while it goes along a piece of its path, and how fast its points go.
//
// Let the piece be [s0, s1] of path time, h = s1 - s0, and on it |q_j'| <= V_j and |q_j''| <= A_j.
// A point p of the link of joint k has
//   p'' = sum_j q_j'' z_j x (p - o_j) + sum_{i,j} q_i' q_j' z_min(i,j) x (z_max(i,j) x (p -
//   o_max(i,j)))
// where z_j is the axis of joint j and o_j a point on it. |z_j x (p - o_j)| is the distance from
// that axis, which no configuration makes larger than R_j (ArmModel::reach_m). So
//   |p'| <= sum_j R_j V_j,
//   |p''| <= alpha = sum_{j<=k} R_j (A_j + V_j^2 + 2 V_j sum_{i<j} V_i),
// and p(s) is nowhere farther than alpha h^2 / 8 from the chord between p(s0) and p(s1), nor than
// |p(s1) - p(s0)| / 2 + alpha h^2 / 8 from its middle. For a capsule's axis, whose points are
// between its ends, the capsule between the two middles with the larger of the two radii covers all
// of it.
//
// V_j and A_j come from both ends: |q_j'(s)| <= min(|q_j'(s0)| + a (s - s0), |q_j'(s1)| + a (s1 -
// s)), which is at most the mean of |q_j'(s0)|, |q_j'(s1)| and a h; likewise for q_j'' with the
// jerk. Thread safety: immutable. Allocates nothing.
#ifndef ARMATURE_ENVSERVER_SHIELD_ARM_REACH_H_
#define ARMATURE_ENVSERVER_SHIELD_ARM_REACH_H_

#include <vector>

#include "envserver/shield/arm_model.h"
#include "envserver/shield/capsule.h"
#include "envserver/shield/joint_trajectory.h"

namespace armature {

// An end of a piece.
struct ArmNode {
  explicit ArmNode(const ArmModel& arm) : capsules(arm.num_capsules()) {}

  double s = 0;                   // Path time, s.
  JointState state;               // By path time: q_L, q_L', q_L''.
  std::vector<Capsule> capsules;  // Where the arm is.
};

class ArmReach {
 public:
  // `limits` hold along every path; `margin_m` is added to every radius. `arm` must outlive it.
  ArmReach(const ArmModel* arm, const JointLimits& limits, double margin_m);

  // Writes where the arm is at path time s.
  void Place(const JointTrajectory& path, double s, ArmNode& out) const;

  // alpha: no point of capsule c's axis has a larger |p''| where the joints have |q'| <= `speed`
  // and |q''| <= `acceleration`, m/s^2.
  double BendBound(int c, const JointVector& speed, const JointVector& acceleration) const;

  // A capsule for each of the arm's: covers it from begin.s to end.s. `out` has as many elements.
  void Cover(const ArmNode& begin, const ArmNode& end, std::vector<Capsule>& out) const;

  // No point of the arm, skin included, goes faster from `begin` to `end`, h apart, at path speed
  // 1, m/s.
  double SpeedBound(const JointState& begin, const JointState& end, double h) const;

  // The same for all of the path.
  double SpeedBound(const JointTrajectory& path) const;

 private:
  const ArmModel* arm_;
  JointLimits limits_;
  double margin_m_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SHIELD_ARM_REACH_H_
