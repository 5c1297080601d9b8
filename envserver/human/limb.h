// Two-bone inverse kinematics of the figure's arms and legs.
#ifndef ARMATURE_ENVSERVER_HUMAN_LIMB_H_
#define ARMATURE_ENVSERVER_HUMAN_LIMB_H_

#include "Eigen/Core"
#include "Eigen/Geometry"
#include "envserver/human/human_motion.h"

namespace armature {

// Where a joint is in the world, and how its parent is turned.
struct JointPlace {
  Eigen::Vector3d position;
  Eigen::Quaterniond parent_rotation;
};
JointPlace PlaceOf(const HumanFrame& frame, int joint);

// Both turn a limb's first two joints so that its end is at `target`, or as near to it as the limb,
// all but straight, reaches. Side 0 is left, 1 is right.

// The ankle to `target`, the knee towards `knee`, and the foot turned as `foot`, in the world.
void PutFoot(int side, const Eigen::Vector3d& target, const Eigen::Vector3d& knee,
             const Eigen::Quaterniond& foot, HumanFrame* frame);
// The hand to `target`, the elbow towards `elbow`; the wrist keeps its rotation.
void PutHand(int side, const Eigen::Vector3d& target, const Eigen::Vector3d& elbow,
             HumanFrame* frame);

// From the shoulder to the hand, the arm straight.
double HandReach_m();

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_HUMAN_LIMB_H_
