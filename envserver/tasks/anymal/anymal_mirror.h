// The left-right symmetry of ANYmal's tasks: what observations and actions become in a mirror that
// is the plane y = 0 of the robot's base. Legs change sides; y, roll, yaw and HAA change sign.
//
// Thread safety: plain values.
#ifndef ARMATURE_ENVSERVER_TASKS_ANYMAL_ANYMAL_MIRROR_H_
#define ARMATURE_ENVSERVER_TASKS_ANYMAL_ANYMAL_MIRROR_H_

#include <cstddef>
#include <vector>

#include "common/spec/mirror.h"

namespace armature {

// Element i of what is mirrored is sign[i] x element from[i]. Applied twice, it changes nothing.
struct Mirror {
  std::vector<int> from;
  std::vector<double> sign;  // 1 or -1.

  // Appends `other`, for vectors that are joined.
  void Append(const Mirror& other);
  template <typename T>
  std::vector<T> Apply(const std::vector<T>& original) const {
    std::vector<T> mirrored(from.size());
    for (size_t i = 0; i < from.size(); ++i) {
      mirrored[i] = static_cast<T>(sign[i] * original[from[i]]);
    }
    return mirrored;
  }
};

Mirror MirrorAction();       // [12], of every task; also of joint angles and velocities.
Mirror MirrorObservation();  // [34], of "anymal", its fields joined.
// Of "anymal_rough", with the fields that its keys observe_linear_velocity and observe_heights add.
Mirror MirrorRoughObservation(bool linear_velocity, bool heights);

// What a task declares (TaskBuilder::SetMirror): `observation`, and MirrorAction.
MirrorSpec DeclaredMirror(const Mirror& observation);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_ANYMAL_ANYMAL_MIRROR_H_
