// The left-right symmetry of ANYmal's tasks: what observations and actions become in a mirror that
// is the plane y = 0 of the robot's base. Legs change sides; y, roll, yaw and HAA change sign.
//
// Thread safety: plain values.
#ifndef ARMATURE_ENVSERVER_TASKS_ANYMAL_ANYMAL_MIRROR_H_
#define ARMATURE_ENVSERVER_TASKS_ANYMAL_ANYMAL_MIRROR_H_

#include "common/spec/mirror.h"

namespace armature {

SignedPermutation MirrorAction();       // [12], of every task; also of joint angles and velocities.
SignedPermutation MirrorObservation();  // [34], of "anymal", its fields joined.
// Of "anymal_rough", with the fields that its keys observe_linear_velocity and observe_heights add.
SignedPermutation MirrorRoughObservation(bool linear_velocity, bool heights);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_ANYMAL_ANYMAL_MIRROR_H_
