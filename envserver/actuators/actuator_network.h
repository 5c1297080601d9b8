// A network that stands for the drive of a joint: from what the joint did lately to its torque.
//
// Source: Hwangbo et al. 2019, "Learning agile and dynamic motor skills for legged robots", Science
// Robotics 4, eaau5872. Theirs has 6 inputs and 3 hidden layers of 32 softsign units; sizes,
// activation and time between samples come from the file. docs/actuators.md describes the file.
//
// Inputs of a joint, k samples of history: position errors (target - position, rad), newest first,
// then velocities (rad/s), newest first. Output: torque, N.m, without a limit.
//
// Arithmetic: float32; see layers.h for what is reproducible. If the activation is softsign or
// tanh, finite inputs up to 1e20 give a finite torque.
// Thread safety: immutable.
#ifndef ARMATURE_ENVSERVER_ACTUATORS_ACTUATOR_NETWORK_H_
#define ARMATURE_ENVSERVER_ACTUATORS_ACTUATOR_NETWORK_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "envserver/actuators/layers.h"

namespace armature {

class ActuatorNetwork {
 public:
  // Reads the file at the first call for this path; later calls share the network, which stays in
  // memory until the process ends. A failure is not kept: the next call reads again. Any thread.
  // Returns NotFound if there is no such file, DataLoss if it is damaged, InvalidArgument if it is
  // not such a network; the message names the file, and the tensor or key with value and limit.
  static absl::StatusOr<std::shared_ptr<const ActuatorNetwork>> LoadOnce(const std::string& path);

  // From a file's content, with the same errors; messages do not name a file.
  static absl::StatusOr<std::shared_ptr<const ActuatorNetwork>> Parse(absl::string_view content);

  ActuatorNetwork(const ActuatorNetwork&) = delete;
  ActuatorNetwork& operator=(const ActuatorNetwork&) = delete;

  int num_inputs() const { return layers_.hidden[0].inputs; }
  int history() const { return num_inputs() / 2; }  // Samples, the present one among them.
  double history_interval_s() const { return history_interval_s_; }  // From one to the next.
  double torque_max() const { return torque_max_; }                  // N.m, of the drive.

  // Writes torque [n] for inputs [n, num_inputs]. Allocates nothing.
  void Evaluate(absl::Span<const float> inputs, absl::Span<float> torque) const;

 private:
  friend class ActuatorNetworkReader;
  ActuatorNetwork() = default;

  Layers layers_;  // Points into numbers_.
  std::vector<float> numbers_;
  double history_interval_s_ = 0;
  double torque_max_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_ACTUATORS_ACTUATOR_NETWORK_H_
