// Where a human may be, from measured joints.
//
// A body is joints and capsules between them that cover it. What is assumed of the human:
//   1. a measured position is within position_error_m of where the joint was, a measured velocity
//      within velocity_error_m_s of what it was, when the measurement was taken;
//   2. that moment lies between age and age + delay_s before the call it is given to;
//   3. no joint goes faster than speed_max_m_s, nor accelerates more than acceleration_max_m_s2;
//   4. each capsule's part of the body is within its radius of the line between its two joints,
//      and an extremity's capsules are within its length of its root, plus their radius.
//
// Every point of a capsule's axis is a mean of its two joints, so what bounds both bounds it. With
// t0 <= t <= t1 the time since the age's moment, and D = delay_s, three sets hold the part:
//   velocity      within e_pos + v_max (t1 + D) of the measured axis;
//   acceleration  within e_pos + e_vel t2 + a_max t2^2 / 2 + |v| (t2 - t0) / 2 of the axis moved on
//   by
//                 v (t0 + t2) / 2, where t2 = t1 + D; the last term since t may be any of [t0, t2];
//   position      within length + e_pos + v_max (t1 + D) of the measured root of its extremity.
// It is in all three. So what is clear of any of them is clear of the part.
#ifndef ARMATURE_ENVSERVER_SHIELD_HUMAN_MODEL_H_
#define ARMATURE_ENVSERVER_SHIELD_HUMAN_MODEL_H_

#include <vector>

#include "Eigen/Core"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "envserver/shield/capsule.h"

namespace armature {

struct HumanJoint {
  double acceleration_max_m_s2 = 50;
};

struct HumanCapsule {
  int joint_a = 0;
  int joint_b = 0;
  double radius_m = 0;
  int extremity = -1;  // -1: of none.
};

struct HumanExtremity {
  int root_joint = 0;
  double length_m = 0;  // From the root to the farthest point of a capsule's axis.
};

struct HumanModel {
  // InvalidArgument: an index out of range, a bound that is below 0 or not finite.
  absl::Status Validate() const;

  // Of the velocity's set, t1_s after the age's moment.
  double VelocityRadius(int capsule, double t1_s) const {
    return capsules[capsule].radius_m + position_error_m + speed_max_m_s * (t1_s + delay_s);
  }

  std::vector<HumanJoint> joints;
  std::vector<HumanCapsule> capsules;
  std::vector<HumanExtremity> extremities;
  double speed_max_m_s = 2;
  double position_error_m = 0;
  double velocity_error_m_s = 0;
  double delay_s = 0;
};

// Positions and velocities of the model's joints, in the arm's base frame.
struct HumanMeasurement {
  double age_s = 0;  // Time since it was taken, as far as is known: see assumption 2.
  absl::Span<const Eigen::Vector3d> position;
  // Empty: not measured, and the acceleration's set is not used. A difference of two positions h
  // apart is a velocity with an error of 2 position_error_m / h + acceleration_max_m_s2 h.
  absl::Span<const Eigen::Vector3d> velocity;
};

// The sets of one measurement. `model` and `measurement` must outlive it. Allocates nothing.
class HumanReach {
 public:
  HumanReach(const HumanModel* model, const HumanMeasurement* measurement)
      : model_(*model), measurement_(*measurement) {}

  // The sets of a capsule's part of the body from t0_s to t1_s after the age's moment.
  Capsule ByVelocity(int capsule, double t1_s) const;
  Capsule ByAcceleration(int capsule, double t0_s, double t1_s) const;
  Capsule ByPosition(int capsule, double t1_s) const;

  // Whether `other` is clear of the part during all of [t0_s, t1_s].
  bool IsClear(int capsule, const Capsule& other, double t0_s, double t1_s) const;

 private:
  const HumanModel& model_;
  const HumanMeasurement& measurement_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SHIELD_HUMAN_MODEL_H_
