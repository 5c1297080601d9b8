// The slots of one VectorEnv group, and the batch that they write.
//
// Data flow: PrepareReset | PrepareStep -> Run, which calls RunItem once per row; each writes its
// own row of every tensor -> `finished` -> (if rows hung: a successor runs them again) -> Assemble.
// Between batches: Render, SaveState, RestoreState, also on the pool.
// Thread safety: rows are independent; use everything else from one thread at a time.
// Ownership: a hung call keeps its SlotGroup, and so all memory that it may still write, alive. The
// successor shares nothing with it that either writes.
#ifndef ARMATURE_ENVSERVER_SLOTS_SLOT_GROUP_H_
#define ARMATURE_ENVSERVER_SLOTS_SLOT_GROUP_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/scene/scene.h"
#include "common/spec/env_spec.h"
#include "envserver/env/env.h"
#include "envserver/env/env_registry.h"
#include "envserver/slots/slot_batch.h"
#include "envserver/slots/slot_view.h"
#include "envserver/slots/step_pool.h"
#include "envserver/slots/vector_env.h"
#include "proto/env_service.pb.h"

namespace armature {

// What the slots of a VectorEnv are made from.
struct SlotPlan {
  const EnvRegistry* registry;
  VectorEnvOptions options;
  EnvSpec spec;
  uint64_t spec_hash;
  std::vector<double> parameters;  // [p], of every slot's first episode.
  absl::Duration call_timeout;     // The pool's, for messages.
  // What viewers see of each slot of the session; empty without a scene.
  std::vector<std::shared_ptr<SlotView>> views;

  int64_t group_size() const { return options.num_envs / options.num_groups; }
  // See VectorEnv::SeedsFrom.
  std::vector<SlotSeed> SeedsFrom(uint64_t seed, int64_t group) const;
};

class SlotGroup : public PoolJob, public std::enable_shared_from_this<SlotGroup> {
 public:
  using Finished = std::function<void(std::shared_ptr<SlotGroup>)>;

  SlotGroup(std::shared_ptr<const SlotPlan> plan, int64_t group);

  // Creates the successor of a group with hung rows. Takes over the healthy slots and their rows of
  // this step; only the hung rows still have to run, with new environments.
  explicit SlotGroup(SlotGroup& stuck);

  int64_t group() const { return group_; }
  int64_t size() const { return static_cast<int64_t>(slots_.size()); }
  // [size, action size]; fill it before PrepareStep.
  std::vector<float>& action() { return action_; }
  // [size, p]: the parameters of the episodes that the next batch begins. Set it, if it changes,
  // before PrepareReset or PrepareStep.
  std::vector<double>& parameters() { return parameters_; }
  void set_env(int64_t row, std::unique_ptr<Env> env) { slots_[row].env = std::move(env); }

  // Prepares the batch of step 0: every slot begins its next episode. With `seeds`, one per slot,
  // each slot begins the first episode of its seed.
  void PrepareReset(const std::vector<SlotSeed>& seeds);
  // Prepares the batch of the next step.
  void PrepareStep();
  // Runs the rows that are due on `pool`, then calls `finished` with this group.
  void Run(StepPool* pool, Finished finished);

  int64_t hung_rows() const { return static_cast<int64_t>(hung_.size()); }
  // Number of times in this step that rows of this group have hung.
  int hung_rounds() const { return hung_rounds_; }
  // Describes the first hung row in one sentence.
  std::string HungSentence() const;

  // Completes the step's batch. Call it only if no row hung.
  StepOutcome Assemble();

  // Whether the last step ended an episode of this row.
  bool has_ended(int64_t row) const { return slots_[row].ended; }
  // Draws a row: rgb uint8 [height, width, 3]. With `last_state`, as its episode ended in the last
  // step. Returns Internal with the environment's error.
  absl::StatusOr<v1::Tensor> Render(int64_t row, bool last_state);
  // Returns SlotState.state of a row; Internal with the environment's error.
  absl::StatusOr<std::string> SaveState(int64_t row);
  // Puts a row back to a saved state. Refused bytes are no error, see SlotRestored. Internal: the
  // environment failed.
  absl::StatusOr<v1::SlotRestored> RestoreState(int64_t row, absl::string_view state);
  // Names slot and step: "env ID slot S step T".
  std::string SlotName(int64_t row) const;

  // Marks a row in which a call other than Run's has hung.
  void AbandonRow(int64_t row) { hung_.push_back(row); }
  // Destroys a row's environment; if a call hangs in it, that call destroys it later.
  void FreeEnv(int64_t row);

  void RunItem(int64_t item) override;
  void OnHung(int64_t item) override;
  void OnFinished() override;

 private:
  enum class Cause { kNone, kThrew, kNotFinite, kHung };
  struct Fault {
    Cause cause = Cause::kNone;
    std::string what;
  };
  // What an episode ended with, for a picture of it.
  struct LastState {
    Scene scene;          // If the spec has one;
    SceneView view;       // otherwise
    v1::Tensor rgb;       // the picture.
    absl::Status status;  // Why there is none.
  };
  struct Slot {
    std::unique_ptr<Env> env;  // Null: to be created.
    // Episodes begun so far. Atomic because a successor reads it while a hung call may raise it.
    std::atomic<uint64_t> episodes{0};
    int64_t episode_steps = 0;
    double return_sum = 0;           // Rewards of the episode so far.
    std::vector<double> parameters;  // [p], that the episode began with.
    // Observation of the state that the slot was put back to, if it was since its last step.
    std::string restored;
    std::unique_ptr<SlotFrame> frame;  // Null until somebody watches.
    uint64_t publisher = 0;            // See SlotView::Adopt.
    std::unique_ptr<LastState> last;   // Null until an episode of its environment has ended.
    // State of the running step.
    bool ended = false;
    Fault fault;           // Why the environment was replaced.
    absl::Status failure;  // Set if replacing it failed too.
  };
  Fault Step(Slot& slot, int64_t row);
  Fault BeginEpisode(Slot& slot, int64_t row);
  void Replace(Slot& slot, int64_t row, Fault fault);
  // Writes what the last step reports beside its result.
  Fault ReadReports(Slot& slot, int64_t row);
  Fault ReadExecutedAction(Slot& slot, int64_t row);
  Fault CheckFinite(const Observation& observation) const;
  // Shows the slot to its viewers, if there are any; `of_step`: with what the last step gave.
  // Errors end the viewing and are no fault of the slot.
  void Show(Slot& slot, int64_t row, bool of_step);
  // Keeps the state that the slot is in, for Render.
  void KeepLastState(Slot& slot);
  absl::StatusOr<v1::Tensor> DrawLastState(const LastState& last) const;
  void Prepare();
  SlotBatch& batch() { return *batches_[writing_]; }

  const std::shared_ptr<const SlotPlan> plan_;
  const int64_t group_;
  std::vector<Slot> slots_;
  // Two batches alternate: one is written while the other is being sent.
  std::shared_ptr<SlotBatch> batches_[2];
  int writing_ = 0;
  std::vector<std::vector<uint8_t>> final_;  // One per field, [size, field bytes].
  std::vector<float> action_;
  std::vector<double> parameters_;  // [size, p], for the episodes that this batch begins.
  std::vector<float> extra_;        // [size, E]
  std::vector<SlotSeed> seeds_;     // One per slot.
  uint64_t step_ = 0;               // Step of the batch; 0: a reset.
  std::vector<int64_t> rows_;       // Row of each item; empty: item i is row i.
  std::vector<int64_t> hung_;
  int hung_rounds_ = 0;
  Finished finished_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SLOTS_SLOT_GROUP_H_
