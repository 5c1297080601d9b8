// A perfect drive: torque = kp (target - position) - kd velocity, held to a limit, at once.
//
// Shapes, thread safety, call order: see Actuator.
#ifndef ARMATURE_ENVSERVER_ACTUATORS_PD_ACTUATOR_H_
#define ARMATURE_ENVSERVER_ACTUATORS_PD_ACTUATOR_H_

#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "envserver/actuators/actuator.h"

namespace armature {

struct PdGains {
  double proportional = 0;  // N.m/rad
  double derivative = 0;    // N.m.s/rad
};

class PdActuator : public Actuator {
 public:
  // `torque_max` has each joint's limit, N.m.
  PdActuator(const PdGains& gains, std::vector<double> torque_max)
      : gains_(gains), torque_max_(std::move(torque_max)) {}

  int num_joints() const override { return static_cast<int>(torque_max_.size()); }
  void Reset() override {}
  void ComputeTorques(const JointStates& joints, absl::Span<double> torque) override;
  absl::Span<float> State() override { return {}; }

 private:
  const PdGains gains_;
  const std::vector<double> torque_max_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_ACTUATORS_PD_ACTUATOR_H_
