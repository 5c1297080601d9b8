// n slots of one environment, stepped in parallel on a StepPool, in one group or in two that
// alternate.
//
// Data flow: ResetGroup | StepGroup(actions) -> pool threads write each slot's row directly into
// the StepBatch to be sent -> completion. Render | SaveState | RestoreState -> a pool thread calls
// one slot's environment -> completion.
// Parameters: a slot begins an episode with the values that were set before the ResetGroup or
// StepGroup that begins it. A new environment gets its slot's values too.
// Episode ends: a slot resets itself in the step that ends its episode. The batch then has the next
// episode's first observation, and the last observation of the old one in final_observation. At the
// horizon a slot is `truncated`, unless it `terminated` in the same step; never both.
// Faults: if an environment throws, hangs or returns a value that is not finite, its slot gets a
// new environment, which begins the slot's next episode. `restarted` is set; other slots are not
// affected. In a reset the slot is replaced too, but `restarted` is not set, since no transition is
// void. If a slot's new environment fails kStartAttempts times in a row, the completion gets an
// error and the group must not be used any more.
// Determinism: a slot's episodes depend only on (seed, first_slot + slot, episode number,
// parameters, actions). RestoreState replaces the rest of one episode.
// Call order: Open -> for each group ResetGroup (StepGroup | ResetGroup | Render | SaveState |
// RestoreState)* -> Close. Wait for a group's completion before the next call for that group;
// SetParameters may come at any time.
// Thread safety: all methods; completions run on pool threads.
#ifndef ARMATURE_ENVSERVER_SLOTS_VECTOR_ENV_H_
#define ARMATURE_ENVSERVER_SLOTS_VECTOR_ENV_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "common/spec/env_spec.h"
#include "envserver/env/env.h"
#include "envserver/env/env_registry.h"
#include "envserver/slots/step_pool.h"
#include "proto/env_service.pb.h"

namespace armature {

class FrameBox;
class SlotGroup;
struct SlotPlan;

struct VectorEnvOptions {
  std::string env_id;
  EnvConfig env_config;
  int64_t num_envs = 1;    // A multiple of num_groups.
  int64_t num_groups = 1;  // 1 or 2.
  uint64_t seed = 0;
  uint64_t first_slot = 0;
  std::map<std::string, double> parameters;  // By name; see OpenSession.parameters.
  // Slots keep the state in which an episode ends, for Render.
  bool renders = false;
  // Number of stuck threads allowed; if a call hangs beyond that, the step fails.
  int64_t abandoned_max = 16;
};

// A slot's episodes depend on (seed, number, number of past episodes).
struct SlotSeed {
  uint64_t seed = 0;
  uint64_t number = 0;
};

// Result of one step of one group.
struct StepOutcome {
  // ResourceExhausted: too many calls hang; Internal: new environments failed to start
  // kStartAttempts times in a row. After an error the group must not be stepped any more.
  absl::Status status;
  // Holds the StepBatch. The step or reset after the next one overwrites it.
  std::shared_ptr<const v1::RolloutResponse> response;
  int64_t episodes = 0;  // Episodes that ended in this step.
  int64_t threw = 0;     // Number of restarted slots, by cause.
  int64_t hung = 0;
  int64_t not_finite = 0;
};

class VectorEnv : public std::enable_shared_from_this<VectorEnv> {
 public:
  using Completion = std::function<void(const StepOutcome&)>;
  // uint8 [height, width, 3]. Internal: Render threw or failed; DeadlineExceeded: it hung. After an
  // error the group must not be used any more.
  using RenderCompletion = std::function<void(absl::StatusOr<v1::Tensor>)>;

  // SlotState.state. Errors as for RenderCompletion.
  using SaveCompletion = std::function<void(absl::StatusOr<std::string>)>;
  // Errors as for RenderCompletion; a refused state is none (SlotRestored.refusal).
  using RestoreCompletion = std::function<void(absl::StatusOr<v1::SlotRestored>)>;

  static constexpr int kStartAttempts = 3;

  // Creates the first environment on the pool, then calls `opened` there. `check` sees the spec
  // before memory for batches is allocated. ResetGroup creates the other environments. `registry`
  // and `pool` must outlive all use.
  // `opened` gets EnvRegistry::Make's errors; Internal if creating threw; DeadlineExceeded if it
  // hung; errors of `check`; InvalidArgument for bad `options.parameters`.
  static void Open(const EnvRegistry* registry, StepPool* pool, VectorEnvOptions options,
                   std::function<absl::Status(const EnvSpec&)> check,
                   std::function<void(absl::StatusOr<std::shared_ptr<VectorEnv>>)> opened);

  VectorEnv(const EnvRegistry* registry, StepPool* pool, VectorEnvOptions options,
            std::unique_ptr<Env> first_env);
  ~VectorEnv();

  const EnvSpec& spec() const;
  uint64_t spec_hash() const;
  int64_t num_groups() const;
  int64_t group_size() const;

  // Seeds of the group's slots in a session opened with `seed`.
  std::vector<SlotSeed> SeedsFrom(uint64_t seed, int64_t group) const;
  // Begins the next episode in every slot of the group; the result is the batch of step 0. With
  // `seeds`, one per slot, replaces the slots' seeds and begins the first episode of each.
  void ResetGroup(int64_t group, std::vector<SlotSeed> seeds, Completion completion);

  // `action` is as in ActionBatch.action; Box actions are clipped to their bounds.
  // If OK, `completion` will be called. Returns InvalidArgument, and does nothing, on a wrong dtype
  // or shape, a value that is not finite or, if Discrete, an invalid choice.
  absl::Status StepGroup(int64_t group, const v1::Tensor& action, Completion completion);

  // Draws slot `slot`, in 0 .. num_envs - 1; with `last_state`, as its episode ended in the group's
  // last step. If OK, `completion` will be called. Returns FailedPrecondition, and does nothing, if
  // the spec has no `render`; InvalidArgument if that step ended no episode, or options.renders is
  // false.
  absl::Status Render(int64_t slot, bool last_state, RenderCompletion completion);

  // SaveState: as Render, FailedPrecondition if the spec has no `saves_state`. RestoreState: the
  // same; the slot goes on from `state`, a SlotState.state.
  absl::Status SaveState(int64_t slot, SaveCompletion completion);
  absl::Status RestoreState(int64_t slot, std::string state, RestoreCompletion completion);

  // Sets parameters of the episodes to come, in `slots`, or in all slots if it is empty.
  // Returns InvalidArgument, and does nothing, if there is no such slot or parameter, or a value is
  // out of its limits.
  absl::Status SetParameters(const std::map<std::string, double>& values,
                             absl::Span<const uint32_t> slots);

  // Puts frames of slot `slot` into `box`, from its next step or reset on, until Unwatch or Close,
  // which closes the box. Returns FailedPrecondition if the spec has no scene.
  absl::Status Watch(int64_t slot, std::shared_ptr<FrameBox> box);
  void Unwatch(int64_t slot, const FrameBox* box);

  // Frees the environments, on the pool, as soon as they are idle. Completions of calls still
  // running are not called.
  void Close();

 private:
  struct GroupEntry {
    std::shared_ptr<SlotGroup> slots;
    bool running = false;
    std::vector<double> parameters;  // [group size, p], for the next run.
    bool has_new_parameters = false;
  };

  // Checks the actions and copies them, clipped, into the group.
  absl::Status ReadAction(const v1::Tensor& action, SlotGroup& slots) const;
  // Calls `call` for a slot on the pool; `what` names it in errors.
  template <typename T>
  void CallSlot(int64_t slot, absl::string_view what,
                std::function<absl::StatusOr<T>(SlotGroup&, int64_t row)> call,
                std::function<void(absl::StatusOr<T>)> completion);
  absl::Status CheckSavesState() const;
  // Whether a picture of the last state can be had.
  absl::Status CheckLastState(int64_t slot);
  // Marks the group as running and returns its slots, with their present parameters; null if
  // closed.
  std::shared_ptr<SlotGroup> BeginRun(int64_t group);
  // Returns false if closed in the meantime; the slots are then freed.
  bool EndRun(const std::shared_ptr<SlotGroup>& slots);
  void Run(SlotGroup& slots, Completion completion);
  void OnRun(const std::shared_ptr<SlotGroup>& slots, const Completion& completion);

  StepPool* const pool_;
  const std::shared_ptr<const SlotPlan> plan_;
  absl::Mutex mutex_;
  std::vector<GroupEntry> groups_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SLOTS_VECTOR_ENV_H_
