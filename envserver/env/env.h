// The interface of an environment, as slots, wrappers and the service use it. A robot task in
// Bullet is written as a Task (envserver/kit/task.h), which TaskEnv makes an Env; implement Env
// itself for another simulator.
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
// Optional: named metrics of each step, the executed action, parameters of the episodes to come,
// saved states, pictures, a scene for viewers. An environment has what its spec says. Closing: the
// destructor runs when the session ends or the slot is replaced. Errors: throw any std::exception,
// or return a value that is not finite. The slot then gets a new environment, and the fault is
// counted and reported. Other slots are not affected.
#ifndef ARMATURE_ENVSERVER_ENV_ENV_H_
#define ARMATURE_ENVSERVER_ENV_ENV_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/scene/scene.h"
#include "common/spec/env_spec.h"

namespace armature {

class ArmActions;
class BulletWorld;

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

// Goal pairs whose rewards are asked for, n of them.
struct GoalPairs {
  absl::Span<const float> achieved;  // [n, goal size]
  absl::Span<const float> desired;   // [n, goal size]
  absl::Span<const float> extra;     // [n, spec().goal->extra_size()]
};

class Env {
 public:
  virtual ~Env() = default;

  // Must not change during the environment's life.
  virtual const EnvSpec& spec() const = 0;

  // Begins an episode that depends only on `seed` and the parameters, and writes its first
  // observation.
  virtual void Reset(uint64_t seed, Observation& observation) = 0;

  // Advances one control step. `action` has spec().action.size() elements, finite and within the
  // spec's bounds (Discrete: the index of the choice).
  virtual StepResult Step(absl::Span<const float> action, Observation& observation) = 0;

  // Computes the rewards of n goal pairs; `reward` and `terminated` are [n]. Must agree with Step
  // and must not depend on the environment's state.
  // Returns Unimplemented if the environment has no goal.
  virtual absl::Status ComputeReward(const GoalPairs& goals, absl::Span<float> reward,
                                     absl::Span<uint8_t> terminated) const {
    (void)goals, (void)reward, (void)terminated;
    return absl::UnimplementedError(spec().id + " has no goal");
  }

  // The functions below are for environments whose spec lists what they handle. The default
  // ones do nothing, which is right if it lists nothing.

  // Sets spec().parameters, in order and within their limits, for the episodes to come. Called
  // before Reset; never called: the initial values.
  virtual void SetParameters(absl::Span<const double> values) { (void)values; }
  // Writes spec().metrics, in order, of the last step; called after Step. Values must be finite.
  virtual void ReadMetrics(absl::Span<float> metrics) const { (void)metrics; }
  // Writes spec().goal->extra, joined in order, of the last step; called after Step.
  virtual void ReadGoalExtra(absl::Span<float> extra) const { (void)extra; }
  // If spec().reports_executed_action: writes what the environment did in the last step, as an
  // action that Step could have been given: spec().action.size() elements, finite and within its
  // bounds. Called after Step.
  virtual void ReadExecutedAction(absl::Span<float> action) const { (void)action; }

  // Appends to `state` all that the future depends on, between Reset and the end of the episode.
  // Changes nothing. Returns Unimplemented unless spec().saves_state.
  virtual absl::Status SaveState(std::string* state) {
    (void)state;
    return absl::UnimplementedError(spec().id + " cannot save its state");
  }
  // Takes the state that SaveState of an environment with the same spec and config has given. From
  // there, the same actions give the same bits. The generator, the parameters and the episode are
  // those of the saved state. Its observation was written before it was saved: whoever saves keeps
  // that too (slots do), since writing it again might draw other noise.
  // Returns InvalidArgument, and changes nothing, if the bytes are not such a state.
  virtual absl::Status RestoreState(absl::string_view state) {
    (void)state;
    return absl::UnimplementedError(spec().id + " cannot restore a state");
  }

  // Draws the current state into `rgb`: 8-bit RGB, spec().render's height x width x 3. Changes
  // nothing. Returns Unimplemented if spec().render is absent. If there is a scene too, slots draw
  // the end of an episode from it.
  virtual absl::Status Render(absl::Span<uint8_t> rgb) {
    (void)rgb;
    return absl::UnimplementedError(spec().id + " does not render");
  }

  // What viewers see, if spec().has_scene; null otherwise. Bodies and shapes stay for the
  // environment's life; sizes and colours may change (SceneView::scene_version).
  virtual const Scene* scene() const { return nullptr; }
  // Writes what viewers see now. Allocates only when `view` is new. Called after Reset or Step.
  virtual void ReadView(SceneView& view) const { (void)view; }

  // The Bullet world that the environment runs in, for wrappers that change or push bodies; null if
  // there is none. A Reset may put back what they have changed.
  virtual BulletWorld* world() { return nullptr; }

  // What the actions mean for the arm that they move, for wrappers that replace actions or add
  // rewards for them (arm_actions.h); null if there is none.
  virtual ArmActions* arm() { return nullptr; }
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_ENV_ENV_H_
