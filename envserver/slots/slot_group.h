// The slots of one group of a VectorEnv and the batch that they are writing.
//
// Data flow: PrepareReset | PrepareStep -> Run: RunItem once a row, each writing its
// own row of every tensor -> `finished` -> (where rows hung: a successor runs them
// again) -> Assemble. Between two batches: Render, also on the pool.
// Thread safety: rows are independent; everything else is for one thread at a time.
// Ownership: a hung call keeps its SlotGroup, and so all that it may still write
// to, alive; the successor shares nothing with it that either writes.
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
#include "absl/time/time.h"
#include "common/spec/env_spec.h"
#include "envserver/kit/env.h"
#include "envserver/kit/env_registry.h"
#include "envserver/slots/step_pool.h"
#include "envserver/slots/vector_env.h"
#include "proto/env_service.pb.h"

namespace armature {

// What every slot of a VectorEnv is made from.
struct SlotPlan {
  const EnvRegistry* registry;
  VectorEnvOptions options;
  EnvSpec spec;
  uint64_t spec_hash;
  absl::Duration call_timeout;  // The pool's, for messages.

  int64_t group_size() const { return options.num_envs / options.num_groups; }
  // As VectorEnv::SeedsFrom.
  std::vector<SlotSeed> SeedsFrom(uint64_t seed, int64_t group) const;
};

class SlotGroup : public PoolJob, public std::enable_shared_from_this<SlotGroup> {
 public:
  using Finished = std::function<void(std::shared_ptr<SlotGroup>)>;

  SlotGroup(std::shared_ptr<const SlotPlan> plan, int64_t group);

  // The successor of a group with hung rows: takes its healthy slots and their rows
  // of the step; what is left to run are the hung rows, with new environments.
  explicit SlotGroup(SlotGroup& stuck);

  int64_t group() const { return group_; }
  int64_t size() const { return static_cast<int64_t>(slots_.size()); }
  // [size, action size], filled by the caller before PrepareStep.
  std::vector<float>& action() { return action_; }
  void set_env(int64_t row, std::unique_ptr<Env> env) { slots_[row].env = std::move(env); }

  // Readies the batch of step 0, in which every slot begins its next episode; with
  // `seeds`, one a slot, the first one of its seed.
  void PrepareReset(const std::vector<SlotSeed>& seeds);
  // Readies the batch of the next step.
  void PrepareStep();
  // Runs what there is to run on `pool`; `finished` gets this when it is over.
  void Run(StepPool* pool, Finished finished);

  int64_t hung_rows() const { return static_cast<int64_t>(hung_.size()); }
  // How often, in this step, rows of this group have hung.
  int hung_rounds() const { return hung_rounds_; }
  // One sentence on the first hung row.
  std::string HungSentence() const;

  // Completes the batch of the step. Only when no row hung.
  StepOutcome Assemble();

  // Draws a row: rgb uint8 [height, width, 3]. Internal: the environment's error.
  absl::StatusOr<v1::Tensor> Render(int64_t row);
  // Where and when: "env ID slot S step T".
  std::string SlotName(int64_t row) const;

  // A call other than those of Run has hung in the row.
  void AbandonRow(int64_t row) { hung_.push_back(row); }
  // Ends the environment of a row, unless a call hangs in it: then that call does.
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
  struct Slot {
    std::unique_ptr<Env> env;  // Null: to be made.
    // Begun so far. Atomic: a successor reads it while a hung call may raise it.
    std::atomic<uint64_t> episodes{0};
    int64_t episode_steps = 0;
    // Of the step that is running.
    bool ended = false;
    Fault fault;           // Why the environment was replaced.
    absl::Status failure;  // Replacing it failed too.
  };
  struct Buffer {
    Buffer(const SlotPlan& plan, int64_t size);

    v1::RolloutResponse response;
    std::vector<Observation> observation;  // A row each, inside `response`.
    float* reward;                         // [size], all inside `response`.
    uint8_t* terminated;
    uint8_t* truncated;
    uint8_t* restarted;
    uint8_t* is_success;
  };

  Fault Step(Slot& slot, int64_t row);
  Fault BeginEpisode(Slot& slot, int64_t row);
  void Replace(Slot& slot, int64_t row, Fault fault);
  Fault CheckFinite(int64_t row) const;
  void Prepare();
  Buffer& buffer() { return *buffers_[writing_]; }
  const Buffer& buffer() const { return *buffers_[writing_]; }

  const std::shared_ptr<const SlotPlan> plan_;
  const int64_t group_;
  std::vector<Slot> slots_;
  // Batches alternate, so that one is written while the last is being sent.
  std::shared_ptr<Buffer> buffers_[2];
  int writing_ = 0;
  std::vector<std::vector<uint8_t>> final_;  // A field each, [size, field bytes].
  std::vector<float> action_;
  std::vector<SlotSeed> seeds_;  // A slot each.
  uint64_t step_ = 0;            // Of the batch; 0: a reset.
  std::vector<int64_t> rows_;    // What the items stand for; empty: themselves.
  std::vector<int64_t> hung_;
  int hung_rounds_ = 0;
  Finished finished_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SLOTS_SLOT_GROUP_H_
