// Eigen's vectors and poses in a saved state.
#ifndef ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_KEEP_H_
#define ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_KEEP_H_

#include "Eigen/Core"
#include "envserver/human/human_pose.h"
#include "envserver/kit/state_archive.h"

namespace armature {

inline void KeepVector(StateArchive& state, Eigen::Vector3d& vector) {
  for (int k = 0; k < 3; ++k) state.Keep(vector[k]);
}

inline void KeepPose(StateArchive& state, HumanPose& pose) {
  for (auto* vectors : {&pose.position, &pose.velocity, &pose.acceleration}) {
    for (Eigen::Vector3d& vector : *vectors) KeepVector(state, vector);
  }
}

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_KEEP_H_
