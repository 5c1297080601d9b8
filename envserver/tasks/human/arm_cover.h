// The arm of any body, as the shield sees it: its chain of joints, and capsules that hold all that
// moves with them.
//
// Every convex collision shape, with its margin, lies in one capsule. What other joints move, e.g.
// fingers, is held at both of their limits, and so in between.
// Thread safety: free functions.
#ifndef ARMATURE_ENVSERVER_TASKS_HUMAN_ARM_COVER_H_
#define ARMATURE_ENVSERVER_TASKS_HUMAN_ARM_COVER_H_

#include "Eigen/Geometry"
#include "LinearMath/btTransform.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "envserver/bullet/body_model.h"
#include "envserver/shield/arm_model.h"

namespace armature {

Eigen::Vector3d ToEigen(const btVector3& v);
btVector3 ToBullet(const Eigen::Vector3d& v);
Eigen::Isometry3d ToEigen(const btTransform& pose);
// Of a capsule whose z axis leads from `a` to `b`: its middle. Unturned if they are one point.
btTransform PoseAlong(const Eigen::Vector3d& a, const Eigen::Vector3d& b);

// `links`: those that the arm's joints move, from the base outwards. Each shape has the smallest
// capsule that a few directions and circles about them give. InvalidArgument: a joint that is not
// revolute; links that are not a chain; a shape that is not convex; what ArmModel::Create refuses.
absl::StatusOr<ArmModel> CoverArm(const BodyModel& model, absl::Span<const int> links);

// Whether each shape that the arm moves lies in one of its capsules. InvalidArgument: as above, or
// a shape that does not, with its link.
absl::Status CheckCover(const ArmModel& arm, const BodyModel& model, absl::Span<const int> links);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_HUMAN_ARM_COVER_H_
