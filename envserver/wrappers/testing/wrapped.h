// Runs an environment with wrappers, for tests.
#ifndef ARMATURE_ENVSERVER_WRAPPERS_TESTING_WRAPPED_H_
#define ARMATURE_ENVSERVER_WRAPPERS_TESTING_WRAPPED_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "envserver/env/env.h"
#include "envserver/env/env_registry.h"
#include "envserver/wrappers/observation_fields.h"

namespace armature {

// Makes "scripted" or "tumbling_box" (wrapped_envs.h) with wrappers.
absl::StatusOr<std::unique_ptr<Env>> MakeWrapped(const std::string& env_id,
                                                 const EnvConfig& config);

// Returns the message of the error that it gives.
std::string WrappedError(const std::string& env_id, const EnvConfig& config);

// A wrapped environment with memory for its observation. Throws if it cannot be made.
class Wrapped {
 public:
  Wrapped(const std::string& env_id, const EnvConfig& config);

  Env& env() { return *env_; }
  const EnvSpec& spec() const { return env_->spec(); }
  Observation& observation() { return memory_->observation(); }
  void Reset(uint64_t seed = 1) { env_->Reset(seed, observation()); }
  StepResult Step(const std::vector<float>& action) { return env_->Step(action, observation()); }

  const FieldSpec& field(const std::string& name) const;
  // Elements of a float32 field, as doubles.
  std::vector<double> Floats(const std::string& name);
  std::vector<float> Metrics();
  std::vector<float> ExecutedAction();

 private:
  std::unique_ptr<Env> env_;
  std::unique_ptr<ObservationMemory> memory_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_WRAPPERS_TESTING_WRAPPED_H_
