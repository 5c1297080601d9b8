// Random states of an arm's joints from which a trajectory can be planned.
#ifndef ARMATURE_ENVSERVER_SHIELD_TESTING_RANDOM_PATHS_H_
#define ARMATURE_ENVSERVER_SHIELD_TESTING_RANDOM_PATHS_H_

#include "common/random/rng.h"
#include "envserver/shield/arm_model.h"
#include "envserver/shield/joint_trajectory.h"

namespace armature {

JointVector RandomPosition(const ArmModel& arm, Rng& rng);
JointState RandomState(const ArmModel& arm, const TrajectoryPlanner& planner,
                       const JointLimits& limits, Rng& rng);

// Of 1 to 8 joints with random origins, axes and capsules.
ArmModel RandomArm(Rng& rng);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SHIELD_TESTING_RANDOM_PATHS_H_
