#include "envserver/shield/testing/random_paths.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace armature {

JointVector RandomPosition(const ArmModel& arm, Rng& rng) {
  JointVector position(arm.num_joints());
  for (int i = 0; i < arm.num_joints(); ++i) {
    position[i] = rng.Uniform(arm.joints()[i].position_min_rad, arm.joints()[i].position_max_rad);
  }
  return position;
}

JointState RandomState(const ArmModel& arm, const TrajectoryPlanner& planner,
                       const JointLimits& limits, Rng& rng) {
  JointState state;
  const double lively = rng.Uniform(0, 1);
  do {
    state.position = RandomPosition(arm, rng);
    state.velocity = JointVector::Zero(arm.num_joints());
    state.acceleration = state.velocity;
    for (int i = 0; i < arm.num_joints(); ++i) {
      state.velocity[i] = limits.velocity * lively * rng.Uniform(-1, 1);
      state.acceleration[i] = limits.acceleration * lively * rng.Uniform(-1, 1);
    }
  } while (!planner.CanPlanFrom(state));
  return state;
}

ArmModel RandomArm(Rng& rng) {
  const auto vector = [&rng](double size) {
    return Eigen::Vector3d(rng.Uniform(-size, size), rng.Uniform(-size, size),
                           rng.Uniform(-size, size));
  };
  std::vector<ArmJoint> joints(1 + rng.Index(kArmJointsMax));
  std::vector<LinkCapsule> capsules;
  for (ArmJoint& joint : joints) {
    joint.origin.translation() = vector(0.3);
    joint.origin.linear() =
        Eigen::AngleAxisd(rng.Uniform(-3, 3), vector(1).normalized()).toRotationMatrix();
    joint.axis = vector(1).normalized();
    joint.position_min_rad = -3;
    joint.position_max_rad = 3;
    const int index = static_cast<int>(&joint - joints.data());
    capsules.push_back({index, {vector(0.3), vector(0.3), rng.Uniform(0, 0.1)}});
  }
  return *ArmModel::Create(std::move(joints), std::move(capsules));
}

}  // namespace armature
