// One of Drake's tasks, made through the registry, with its observation. For tests only.
#ifndef ARMATURE_ENVSERVER_TASKS_DRAKE_TESTING_DRAKE_ENV_H_
#define ARMATURE_ENVSERVER_TASKS_DRAKE_TESTING_DRAKE_ENV_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/env/env.h"
#include "envserver/env/env_registry.h"

namespace armature {

class DrakeEnv {
 public:
  // Aborts if the registry refuses.
  DrakeEnv(const std::string& env_id, const EnvConfig& config);

  void Reset(uint64_t seed) { env_->Reset(seed, observation_); }
  StepResult Step(const std::vector<float>& action) { return env_->Step(action, observation_); }
  // Of the last Reset or Step.
  const std::vector<float>& state() const { return state_; }
  // The named metric of the last step. Aborts if there is none.
  float Metric(const std::string& name) const;

  Env& env() { return *env_; }
  Body& body(const std::string& name) { return *env_->world()->FindBody(name); }

 private:
  std::unique_ptr<Env> env_;
  std::vector<float> state_;
  Observation observation_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_DRAKE_TESTING_DRAKE_ENV_H_
