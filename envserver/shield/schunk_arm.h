// The Schunk LWA 4P that human-robot-gym has, with a gripper, as capsules.
//
// Its base is the frame's origin, z up. Joints 1, 3 and 5 turn by 2 pi to either side, the others
// by 2.094 rad. Capsules of our own: one for each link, one for the gripper.
#ifndef ARMATURE_ENVSERVER_SHIELD_SCHUNK_ARM_H_
#define ARMATURE_ENVSERVER_SHIELD_SCHUNK_ARM_H_

#include "envserver/shield/arm_model.h"

namespace armature {

ArmModel SchunkArm();  // 6 joints, 7 capsules.

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SHIELD_SCHUNK_ARM_H_
