// The interface that a robotics user writes an environment against.
//
//   class MyTask : public Env {
//     const EnvSpec& spec() const override { return spec_; }
//     void Reset(uint64_t seed, Observation& observation) override { ... }
//     StepResult Step(absl::Span<const float> action, Observation& observation) override { ... }
//   };
//
// Call order: Reset (Step* Reset)*; Step is not called after a step that
// terminated or was truncated until Reset has been.
// Thread safety: none needed; one slot's environment is used by one thread at a
// time, but not always by the same one.
// Determinism: a Reset with the same seed followed by the same actions must give
// the same results, whatever happened before.
// Closing: the destructor; it runs when the session ends or the slot is replaced.
// Errors: throw anything derived from std::exception (or return a value that is
// not finite): the slot is replaced by a new environment, the fault is counted
// and reported, and no other slot is disturbed.
#ifndef ARMATURE_ENVSERVER_KIT_ENV_H_
#define ARMATURE_ENVSERVER_KIT_ENV_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/spec/env_spec.h"

namespace armature {

// Where an environment writes its observation: one array a field, in the spec's
// order, inside the batch that goes on the wire. Does not own the memory.
class Observation {
 public:
  explicit Observation(std::vector<absl::Span<uint8_t>> fields) : fields_(std::move(fields)) {}

  // Field `index` as its elements; T must be the spec's dtype.
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
  bool terminated = false;  // The task itself ended: success, a fall.
  // Cut short from outside the task. Environments whose spec has a horizon leave
  // it alone: the slot that runs them counts steps and sets it.
  bool truncated = false;
  bool is_success = false;
};

class Env {
 public:
  virtual ~Env() = default;

  // Constant over the environment's life.
  virtual const EnvSpec& spec() const = 0;

  // Begins an episode drawn from `seed` alone and writes its first observation.
  virtual void Reset(uint64_t seed, Observation& observation) = 0;

  // Advances one control step. `action` has spec().action.size() elements, finite
  // and within the spec's bounds (Discrete: the index of the choice).
  virtual StepResult Step(absl::Span<const float> action, Observation& observation) = 0;

  // Rewards of n (achieved, desired) goals, each [n, goal size]; `reward` and
  // `terminated` are [n]. Must agree with Step. Const: depends on no state.
  // Unimplemented: the environment has no goal.
  virtual absl::Status ComputeReward(absl::Span<const float> achieved_goal,
                                     absl::Span<const float> desired_goal, absl::Span<float> reward,
                                     absl::Span<uint8_t> terminated) const {
    (void)achieved_goal, (void)desired_goal, (void)reward, (void)terminated;
    return absl::UnimplementedError(spec().id + " has no goal");
  }

  // Draws the present state: 8-bit RGB, spec().render's height x width x 3.
  // Unimplemented: spec().render is absent.
  virtual absl::Status Render(absl::Span<uint8_t> rgb) {
    (void)rgb;
    return absl::UnimplementedError(spec().id + " does not render");
  }
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_KIT_ENV_H_
