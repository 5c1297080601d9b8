// How acting and learning share the time: at will (FreeRunning), or in turns, so that the
// order of all things is a function of the seed (TakingTurns).
//
// A mode says when what is done; the trainer does it. Thread safety: none, but for the
// coordinator; belongs to the trainer's thread.
#ifndef ARMATURE_LEARNER_TRAINING_COLLECTION_MODE_H_
#define ARMATURE_LEARNER_TRAINING_COLLECTION_MODE_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "common/run_config/run_config.h"
#include "learner/intake/collect_coordinator.h"
#include "learner/intake/experience_intake.h"
#include "learner/service/evaluation_scheduler.h"
#include "learner/status/wait_reason.h"
#include "learner/training/run_progress.h"

namespace armature {

// What a mode has the trainer do.
class TrainingActions {
 public:
  virtual ~TrainingActions() = default;

  // Whether `steps` more may be stored, and whether there is something to learn from.
  virtual bool CanInsert(int64_t steps) const = 0;
  virtual bool CanUpdate() const = 0;
  virtual const RunProgress& progress() const = 0;
  virtual uint64_t newest_policy_version() const = 0;

  virtual void Store(const ExperienceIntake::Entry& entry) = 0;
  // Hands out what the coordinator grants now.
  virtual void DeliverGrants() = 0;
  // Publishes again, though no update may have been made since; nothing before the first.
  virtual void PublishAgain() = 0;
  // Has the newest policy evaluated, if that is due.
  virtual void EvaluateIfDue() = 0;
  // Keeps what is learned by step, if a multiple of checkpoint.save_freq was passed.
  virtual void SaveStepIfDue() = 0;
  virtual void Checkpoint() = 0;
  // Ends training once the budget is spent. True: it goes on.
  virtual bool GoesOnWithinBudget() = 0;
};

class CollectionMode {
 public:
  virtual ~CollectionMode() = default;

  // What grants collection to actors.
  virtual CollectCoordinator& coordinator() = 0;

  // The run goes on from a checkpoint at `env_steps`.
  virtual void GoOnFrom(uint64_t env_steps) = 0;
  // OK; Aborted: the run has lost something that cannot be collected again.
  virtual absl::Status Check() const = 0;

  // In every pass while training goes on: stores what may be stored now. True: something was.
  virtual bool TakeExperience(ExperienceIntake* intake, TrainingActions* actions) = 0;
  // In every pass while training goes on, after the updates: evaluates, keeps, ends, and lets
  // actors go on. True: something was done.
  virtual bool FinishPass(TrainingActions* actions) = 0;

  // Whether actors that outlive a learner go on with its policies.
  virtual bool actors_keep_policies() const = 0;
  // Whether the run can go on from wherever it is saved.
  virtual bool saves_anywhere() const = 0;
  // What the trainer waits for that is the mode's; nothing: nothing of it.
  virtual std::optional<WaitState> Waiting(const TrainingActions& actions) const = 0;
};

// The mode that `config` asks for; `evaluations` must outlive it.
std::unique_ptr<CollectionMode> MakeCollectionMode(const RunConfig& config,
                                                   const EvaluationScheduler* evaluations);

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_COLLECTION_MODE_H_
