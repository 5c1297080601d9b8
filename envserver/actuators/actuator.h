// What turns the position targets of a robot's joints into torques, once a physics step.
//
// Implementations: PdActuator, a perfect drive; NetworkActuator, a drive as it was measured.
// Shapes: every span has num_joints() elements. Units: rad, rad/s, N.m.
// Thread safety: none needed; every environment has its own.
// Call order: (Reset ComputeTorques*)*
#ifndef ARMATURE_ENVSERVER_ACTUATORS_ACTUATOR_H_
#define ARMATURE_ENVSERVER_ACTUATORS_ACTUATOR_H_

#include "absl/types/span.h"

namespace armature {

// How the joints are and where they shall go.
struct JointStates {
  absl::Span<const double> target;    // rad
  absl::Span<const double> position;  // rad
  absl::Span<const double> velocity;  // rad/s
};

class Actuator {
 public:
  virtual ~Actuator() = default;
  virtual int num_joints() const = 0;

  // Begins an episode: earlier steps no longer matter.
  virtual void Reset() = 0;

  // Writes the torques of this physics step, N.m. Allocates nothing.
  virtual void ComputeTorques(const JointStates& joints, absl::Span<double> torque) = 0;

  // All that later torques depend on beside their arguments; the size never changes. A task's Keep
  // saves and restores the elements:
  //   for (float& value : actuator->State()) state.Keep(value);
  virtual absl::Span<float> State() = 0;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_ACTUATORS_ACTUATOR_H_
