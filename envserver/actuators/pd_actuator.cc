#include "envserver/actuators/pd_actuator.h"

#include <algorithm>

namespace armature {

void PdActuator::ComputeTorques(const JointStates& joints, absl::Span<double> torque) {
  for (int i = 0; i < num_joints(); ++i) {
    const double wanted = gains_.proportional * (joints.target[i] - joints.position[i]) -
                          gains_.derivative * joints.velocity[i];
    torque[i] = std::clamp(wanted, -torque_max_[i], torque_max_[i]);
  }
}

}  // namespace armature
