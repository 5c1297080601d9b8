// The drives of a robot's joints, each as an ActuatorNetwork says, with the history that it needs.
//
// The first step of an episode fills the history with its own sample: joints that were at rest.
// Shapes, thread safety, call order: see Actuator. The network is shared.
#ifndef ARMATURE_ENVSERVER_ACTUATORS_NETWORK_ACTUATOR_H_
#define ARMATURE_ENVSERVER_ACTUATORS_NETWORK_ACTUATOR_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "envserver/actuators/actuator.h"
#include "envserver/actuators/actuator_network.h"

namespace armature {

class NetworkActuator : public Actuator {
 public:
  // Returns InvalidArgument if the time between the network's samples is not a whole number of
  // physics steps, at most 1000.
  static absl::StatusOr<std::unique_ptr<NetworkActuator>> Create(
      std::shared_ptr<const ActuatorNetwork> network, int num_joints, double physics_step_s);

  int num_joints() const override { return num_joints_; }
  void Reset() override { state_[0] = 0; }
  // Torques are held to the network's torque_max. NaN of a joint gives NaN for that joint.
  void ComputeTorques(const JointStates& joints, absl::Span<double> torque) override;
  absl::Span<float> State() override { return absl::MakeSpan(state_); }

 private:
  NetworkActuator(std::shared_ptr<const ActuatorNetwork> network, int num_joints, int stride);

  void Remember(const JointStates& joints);

  const std::shared_ptr<const ActuatorNetwork> network_;
  const int num_joints_;
  const int stride_;  // Physics steps from one sample of the network to the next.
  // First whether there are samples, 0 or 1; then a sample for each physics step, newest first:
  // the joints' position errors, then their velocities.
  std::vector<float> state_;
  std::vector<float> inputs_;  // [num_joints, inputs of the network]
  std::vector<float> torque_;  // [num_joints]
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_ACTUATORS_NETWORK_ACTUATOR_H_
