// How acting and learning alternate: freely (FreeRunning), or in turns, so that the seed determines
// the order of everything (TakingTurns).
//
// A mode decides when to do what; the trainer does it.
// Thread safety: none, except for the coordinator; belongs to the trainer's thread.
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

// What a mode tells the trainer to do.
class TrainingActions {
 public:
  virtual ~TrainingActions() = default;

  // Whether `steps` more may be stored, and whether an update is possible now.
  virtual bool CanInsert(int64_t steps) const = 0;
  virtual bool CanUpdate() const = 0;
  virtual const RunProgress& progress() const = 0;
  virtual uint64_t newest_policy_version() const = 0;

  virtual void Store(const ExperienceIntake::Entry& entry) = 0;
  // Sends actors what the coordinator grants now.
  virtual void DeliverGrants() = 0;
  // Publishes again, even if there was no update since. Does nothing before the first version.
  virtual void PublishAgain() = 0;
  // Requests an evaluation of the newest policy, if due.
  virtual void EvaluateIfDue() = 0;
  // Saves the state and model by step, if a multiple of checkpoint.save_freq was passed.
  virtual void SaveStepIfDue() = 0;
  virtual void Checkpoint() = 0;
  // Ends training once the budget is spent. Returns whether training continues.
  virtual bool GoesOnWithinBudget() = 0;
};

class CollectionMode {
 public:
  virtual ~CollectionMode() = default;

  // Decides when actors may collect.
  virtual CollectCoordinator& coordinator() = 0;

  // The run continues from a checkpoint at `env_steps`.
  virtual void GoOnFrom(uint64_t env_steps) = 0;
  // Returns Aborted if the run has lost something that cannot be collected again.
  virtual absl::Status Check() const = 0;

  // Called in every pass during training. Stores what may be stored now; returns whether it stored
  // anything.
  virtual bool TakeExperience(ExperienceIntake* intake, TrainingActions* actions) = 0;
  // Called in every pass during training, after the updates. Evaluates, saves, ends training and
  // lets actors continue, as due. Returns whether it did anything.
  virtual bool FinishPass(TrainingActions* actions) = 0;

  // Whether actors keep using a learner's policies after that learner is gone.
  virtual bool actors_keep_policies() const = 0;
  // Whether the run can resume from a checkpoint written at any time.
  virtual bool saves_anywhere() const = 0;
  // What the mode makes the trainer wait for; nullopt if nothing.
  virtual std::optional<WaitState> Waiting(const TrainingActions& actions) const = 0;
};

// Returns the mode that `config` asks for. `evaluations` must outlive it.
std::unique_ptr<CollectionMode> MakeCollectionMode(const RunConfig& config,
                                                   const EvaluationScheduler* evaluations);

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_COLLECTION_MODE_H_
