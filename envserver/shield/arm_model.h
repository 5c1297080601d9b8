// A serial arm of revolute joints, with capsules that cover its links.
//
//   frame_i = frame_{i-1} * origin_i * rotation(axis_i, q_i);  frame_{-1} is the arm's base.
//
// Thread safety: immutable. No method allocates, except Create.
#ifndef ARMATURE_ENVSERVER_SHIELD_ARM_MODEL_H_
#define ARMATURE_ENVSERVER_SHIELD_ARM_MODEL_H_

#include <vector>

#include "Eigen/Core"
#include "Eigen/Geometry"
#include "absl/status/statusor.h"
#include "envserver/shield/capsule.h"

namespace armature {

inline constexpr int kArmJointsMax = 8;

// One number a joint; never on the heap.
using JointVector = Eigen::Matrix<double, Eigen::Dynamic, 1, 0, kArmJointsMax, 1>;

struct ArmJoint {
  Eigen::Isometry3d origin = Eigen::Isometry3d::Identity();  // In the frame of the joint before.
  Eigen::Vector3d axis = Eigen::Vector3d::UnitZ();           // Unit length.
  double position_min_rad = 0;
  double position_max_rad = 0;
};

// Moves with joint `joint`. A link may have several; all together cover all that moves, tool and
// what it carries included.
struct LinkCapsule {
  int joint = 0;
  Capsule shape;  // In the joint's frame.
};

class ArmModel {
 public:
  // InvalidArgument: no joint or more than kArmJointsMax, an axis that is not of unit length,
  // limits that are not in order, no capsule, a capsule of no joint, a number that is not finite.
  static absl::StatusOr<ArmModel> Create(std::vector<ArmJoint> joints,
                                         std::vector<LinkCapsule> capsules);

  int num_joints() const { return static_cast<int>(joints_.size()); }
  int num_capsules() const { return static_cast<int>(capsules_.size()); }
  const std::vector<ArmJoint>& joints() const { return joints_; }
  const std::vector<LinkCapsule>& capsules() const { return capsules_; }

  const JointVector& position_min_rad() const { return position_min_; }
  const JointVector& position_max_rad() const { return position_max_; }

  // The capsules where the joints are at `position`; `out` has num_capsules() elements.
  void Place(const JointVector& position, std::vector<Capsule>& out) const;

  // No point of capsule c's axis is ever farther from the axis of joint j <= its own, m.
  double reach_m(int c, int j) const { return reach_m_[c][j]; }

 private:
  ArmModel() = default;

  std::vector<ArmJoint> joints_;
  std::vector<LinkCapsule> capsules_;
  JointVector position_min_;
  JointVector position_max_;
  std::vector<std::vector<double>> reach_m_;  // [capsule][joint]
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SHIELD_ARM_MODEL_H_
