// The interface to implement for a new environment.
//
//   class MyTask : public Env {
//     const EnvSpec& spec() const override { return spec_; }
//     void Reset(uint64_t seed, Observation& observation) override { ... }
//     StepResult Step(absl::Span<const float> action, Observation& observation) override { ... }
//   };
//
// Call order: Reset (Step* Reset)*. After a step that terminated or was truncated, Reset comes
// before the next Step.
// Thread safety: none needed. Only one thread at a time uses an environment, but not always the
// same thread.
// Determinism: after Reset with the same seed, the same actions must give the same results,
// whatever happened before.
// Closing: the destructor runs when the session ends or the slot is replaced.
// Errors: throw any std::exception, or return a value that is not finite. The slot then gets a new
// environment, and the fault is counted and reported. Other slots are not affected.
#ifndef ARMATURE_ENVSERVER_ENV_ENV_H_
#define ARMATURE_ENVSERVER_ENV_ENV_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/spec/env_spec.h"

namespace armature {

// Where an environment writes its observation: one array per field, in the spec's order, directly
// in the batch to be sent. Does not own the memory.
class Observation {
 public:
  explicit Observation(std::vector<absl::Span<uint8_t>> fields) : fields_(std::move(fields)) {}

  // Elements of field `index`; T must match the spec's dtype.
  template <typename T>
  absl::Span<T> Field(int64_t index) {
    return absl::MakeSpan(reinterpret_cast<T*>(fields_[index].data()),
                          fields_[index].size() / sizeof(T));
  }
  absl::Span<const absl::Span<uint8_t>> fields() const { return fields_; }

 private:
  std::vector<absl::Span<uint8_t>> fields_;
};

struct StepResult {
  float reward = 0;
  bool terminated = false;  // The task ended: success, a fall.
  // Cut short for a reason outside the task. Leave it false if the spec has a horizon: the slot
  // counts steps and sets it.
  bool truncated = false;
  bool is_success = false;
};

class Env {
 public:
  virtual ~Env() = default;

  // Must not change during the environment's life.
  virtual const EnvSpec& spec() const = 0;

  // Begins an episode that depends only on `seed`, and writes its first observation.
  virtual void Reset(uint64_t seed, Observation& observation) = 0;

  // Advances one control step. `action` has spec().action.size() elements, finite and within the
  // spec's bounds (Discrete: the index of the choice).
  virtual StepResult Step(absl::Span<const float> action, Observation& observation) = 0;

  // Computes the rewards of n goal pairs. Both goal arrays are [n, goal size]; `reward` and
  // `terminated` are [n]. Must agree with Step and must not depend on the environment's state.
  // Returns Unimplemented if the environment has no goal.
  virtual absl::Status ComputeReward(absl::Span<const float> achieved_goal,
                                     absl::Span<const float> desired_goal, absl::Span<float> reward,
                                     absl::Span<uint8_t> terminated) const {
    (void)achieved_goal, (void)desired_goal, (void)reward, (void)terminated;
    return absl::UnimplementedError(spec().id + " has no goal");
  }

  // Draws the current state into `rgb`: 8-bit RGB, spec().render's height x width x 3.
  // Returns Unimplemented if spec().render is absent.
  virtual absl::Status Render(absl::Span<uint8_t> rgb) {
    (void)rgb;
    return absl::UnimplementedError(spec().id + " does not render");
  }
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_ENV_ENV_H_
