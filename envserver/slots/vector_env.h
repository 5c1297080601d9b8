// n slots of one environment, stepped in parallel on a StepPool, in one or two
// groups that alternate.
//
// Data flow: ResetGroup | StepGroup(actions) -> pool threads write each slot's row
// straight into the StepBatch that goes on the wire -> completion. Render -> pool
// thread draws one slot -> completion.
// Slots reset themselves in the step that ends an episode: the batch then holds
// the next episode's first observation, and the true last one in
// final_observation. At the horizon a slot is `truncated`, unless it `terminated`
// in the same step: a batch never has both.
// Faults: a slot whose environment throws, hangs or gives a value that is not
// finite gets a new environment, in its next episode; `restarted` is set and the
// others are not disturbed. A slot whose new environment fails kStartAttempts
// times in a row breaks the whole (the completion gets the error). In a reset there
// is no transition that could be void: the slot is replaced, too, `restarted` is not
// set.
// Determinism: the episodes of a slot depend on (seed, first_slot + slot, number
// of the episode, actions) alone.
// Call order: Open -> for each group ResetGroup (StepGroup | ResetGroup | Render)* ->
// Close. Nothing is asked of a group before its last completion has been called,
// other groups may be asked.
// Thread safety: all methods; completions run on pool threads.
#ifndef ARMATURE_ENVSERVER_SLOTS_VECTOR_ENV_H_
#define ARMATURE_ENVSERVER_SLOTS_VECTOR_ENV_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/spec/env_spec.h"
#include "envserver/kit/env.h"
#include "envserver/kit/env_registry.h"
#include "envserver/slots/step_pool.h"
#include "proto/env_service.pb.h"

namespace armature {

class SlotGroup;
struct SlotPlan;

struct VectorEnvOptions {
  std::string env_id;
  EnvConfig env_config;
  int64_t num_envs = 1;    // A multiple of num_groups.
  int64_t num_groups = 1;  // 1 or 2.
  uint64_t seed = 0;
  uint64_t first_slot = 0;
  // A call that hangs while so many threads are stuck already breaks the whole.
  int64_t abandoned_max = 16;
};

// A slot's episodes are drawn from (seed, number, episodes so far).
struct SlotSeed {
  uint64_t seed = 0;
  uint64_t number = 0;
};

// What one step of one group brought.
struct StepOutcome {
  // ResourceExhausted: too many calls hang; Internal: a new environment failed to
  // start time and again. The group must not be stepped any more.
  absl::Status status;
  // Holds the StepBatch. Written to again by the step or reset after the next one.
  std::shared_ptr<const v1::RolloutResponse> response;
  int64_t episodes = 0;  // That ended in this step.
  int64_t threw = 0;     // Slots restarted, by cause.
  int64_t hung = 0;
  int64_t not_finite = 0;
};

class VectorEnv : public std::enable_shared_from_this<VectorEnv> {
 public:
  using Completion = std::function<void(const StepOutcome&)>;
  // uint8 [height, width, 3]. Internal: Render threw or failed; DeadlineExceeded: it
  // hung. The group must not be used any more after an error.
  using RenderCompletion = std::function<void(absl::StatusOr<v1::Tensor>)>;

  static constexpr int kStartAttempts = 3;

  // Makes the first environment on the pool, then calls `opened`, there: OK; what
  // EnvRegistry::Make returns; Internal: it threw; DeadlineExceeded: it hung; what
  // `check` says of its spec, before anything of the size of a batch is allocated.
  // The others are made by ResetGroup. `registry` and `pool` outlive all use.
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

  // What slots of the group draw from in a session that was opened with `seed`.
  std::vector<SlotSeed> SeedsFrom(uint64_t seed, int64_t group) const;
  // Begins the next episode of every slot of the group: the batch of step 0. With
  // `seeds`, one a slot, which replace those before: the first episode.
  void ResetGroup(int64_t group, std::vector<SlotSeed> seeds, Completion completion);

  // `action` is as ActionBatch.action; Box actions are clipped to their bounds.
  // OK: the completion will be called; InvalidArgument: dtype, shape, a value that
  // is not finite or, Discrete, no choice; nothing was done.
  absl::Status StepGroup(int64_t group, const v1::Tensor& action, Completion completion);

  // Draws slot `slot`, in 0 .. num_envs - 1. OK: the completion will be called;
  // FailedPrecondition: the spec has no `render`; nothing was done.
  absl::Status Render(int64_t slot, RenderCompletion completion);

  // Frees the environments, on the pool, as soon as they are idle. Completions of
  // what still runs are not called.
  void Close();

 private:
  struct GroupEntry {
    std::shared_ptr<SlotGroup> slots;
    bool running = false;
  };

  // Checks the actions and copies them, clipped, to the group.
  absl::Status ReadAction(const v1::Tensor& action, SlotGroup& slots) const;
  // The slots of a group that now has something running; null: closed.
  std::shared_ptr<SlotGroup> BeginRun(int64_t group);
  // False: it has been closed meanwhile; the slots are freed.
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
