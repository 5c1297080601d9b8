// One of ANYmal's tasks, made through the registry, with its observation. For tests only.
#ifndef ARMATURE_ENVSERVER_TASKS_ANYMAL_TESTING_ANYMAL_ENV_H_
#define ARMATURE_ENVSERVER_TASKS_ANYMAL_TESTING_ANYMAL_ENV_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "LinearMath/btTransform.h"
#include "LinearMath/btVector3.h"
#include "absl/types/span.h"
#include "common/spec/mirror.h"
#include "envserver/bullet/body.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/env/env.h"
#include "envserver/env/env_registry.h"

namespace armature {

// Where the robot is and how it moves, in the world's frame; joints as in anymal_robot.h.
struct AnymalState {
  btTransform base = btTransform::getIdentity();
  btVector3 linear = btVector3(0, 0, 0);
  btVector3 angular = btVector3(0, 0, 0);
  std::vector<double> angles, velocities;  // [12]
};
// In a mirror that is the plane y = 0.
AnymalState MirrorState(const AnymalState& state);

template <typename T>
std::vector<T> Mirrored(const SignedPermutation& mirror, const std::vector<T>& original) {
  std::vector<T> mirrored(original.size());
  for (size_t i = 0; i < mirrored.size(); ++i) {
    mirrored[i] = static_cast<T>(mirror.sign[i]) * original.at(mirror.source[i]);
  }
  return mirrored;
}

// Why the registry does not make that environment; empty if it does.
std::string Refusal(const std::string& env_id, const EnvConfig& config);

class AnymalEnv {
 public:
  // Aborts if the registry refuses.
  explicit AnymalEnv(const std::string& env_id, const EnvConfig& config = {});

  void Reset(uint64_t seed = 0) { env_->Reset(seed, observation_); }
  // Resets at a value of the only parameter.
  void Reset(uint64_t seed, double parameter);
  StepResult Step(const std::vector<float>& action) { return env_->Step(action, observation_); }
  void SetState(const AnymalState& state);

  // The named field of the last Reset or Step, or all fields joined. Aborts if there is none.
  std::vector<float> Field(const std::string& name) const;
  std::vector<float> All() const;
  // The named metric of the last step. Aborts if there is none.
  float Metric(const std::string& name) const;

  Env& env() { return *env_; }
  BulletWorld& world() { return *env_->world(); }
  Body& robot() { return *world().FindBody("anymal"); }

 private:
  std::unique_ptr<Env> env_;
  std::vector<std::vector<float>> fields_;
  Observation observation_{{}};
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_ANYMAL_TESTING_ANYMAL_ENV_H_
