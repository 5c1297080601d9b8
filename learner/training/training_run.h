// A run in training: its learning core and progress, and how it is published, evaluated, saved and
// reported. The Trainer's loop and the CollectionMode decide when.
//
// Thread safety: none; belongs to the trainer's thread.
// Call order: (Restore | Begin), then the others.
#ifndef ARMATURE_LEARNER_TRAINING_TRAINING_RUN_H_
#define ARMATURE_LEARNER_TRAINING_TRAINING_RUN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/run_config/run_config.h"
#include "common/spec/env_spec.h"
#include "common/sync/wake_signal.h"
#include "learner/intake/experience_intake.h"
#include "learner/replicas/replication.h"
#include "learner/run/run_directory.h"
#include "learner/service/admission.h"
#include "learner/service/evaluation_scheduler.h"
#include "learner/service/event_slots.h"
#include "learner/service/policy_publisher.h"
#include "learner/status/learner_metrics.h"
#include "learner/status/status_board.h"
#include "learner/status/wait_reason.h"
#include "learner/training/collection_mode.h"
#include "learner/training/core_factory.h"
#include "learner/training/curriculum.h"
#include "learner/training/evaluation_judge.h"
#include "learner/training/experience_sink.h"
#include "learner/training/learning_core.h"
#include "learner/training/run_checkpoint.h"
#include "learner/training/run_health.h"
#include "learner/training/run_progress.h"
#include "learner/training/run_reporter.h"
#include "learner/training/run_saver.h"

namespace armature {

class TrainingRun final : public TrainingActions {
 public:
  // All must outlive the run.
  struct Parts {
    Admission& admission;              // Knows the environment once an actor has joined.
    ExperienceIntake& intake;          // Queues and acknowledges batches.
    CollectionMode& mode;              // Decides when to do what.
    const CoreFactory& cores;          // Makes the learning core, once the environment is known.
    Replication& replication;          // The other replicas of the run, if any.
    PolicyPublisher& publisher;        // Numbers policies and sends them to actors.
    EvaluationScheduler& evaluations;  // Has actors do the evaluations that the judge asks for.
    RunDirectory& directory;           // The run's folder.
    LearnerMetrics& metrics;           // Shown at /metrics.
    StatusBoard& status;               // Returned by GetStatus.
    WakeSignal& wake;                  // Notified when there is something for the trainer.
  };

  TrainingRun(const RunConfig& config, const Parts& parts);

  // Continues from the newest checkpoint (experience, weights, counters, sequences) and publishes.
  // Returns NotFound if there never was a checkpoint, so that the run starts over; without other
  // replicas, files it had written are put aside. Returns FailedPrecondition if the checkpoint does
  // not fit the configuration; DataLoss if no checkpoint can be read.
  absl::Status Restore();
  // Starts with `env`, and with what run.load had learned, if set.
  // Errors: as CoreFactory::Create, RunSaver::LoadStep and Replication::Begin; FailedPrecondition
  // if run.load does not fit the configuration.
  absl::Status Begin(const EnvSpec& env);
  bool has_begun() const { return core_ != nullptr; }

  bool is_training() const { return phase_ == Phase::kTraining; }
  bool is_over() const { return phase_ == Phase::kOver; }
  // If not OK, this process stops with it, but the run is not over.
  const absl::Status& failure() const { return health_.failure(); }
  // Complete once the run is over.
  const RunResult& result() const { return result_; }

  bool CanInsert(int64_t steps) const override { return core_->CanInsert(steps); }
  bool CanUpdate() const override { return core_->CanUpdate(); }
  const RunProgress& progress() const override { return progress_; }
  uint64_t newest_policy_version() const override { return parts_.publisher.newest_version(); }

  void Store(const ExperienceIntake::Entry& entry) override;
  // Call after storing experience.
  void OnStored();
  // Fails the run if almost none of its experience is usable.
  void CheckExperience();
  // Makes one update; then averages and publishes if due. Returns false if nothing was updated or
  // the run has failed.
  bool Update();
  // Call after taking the state of another replica or run.
  void OnStateTaken();

  void DeliverGrants() override;
  void EvaluateIfDue() override;
  // Takes an evaluation's outcome, which may end the run. Returns false if there is none.
  bool TakeJudgement();

  void PublishIfDue();
  void PublishAgain() override;

  void SaveStepIfDue() override;
  // Begins to write one; training goes on meanwhile. Waits for the one before.
  void Checkpoint() override;
  void CheckpointIfDue();
  // Saves what is to be kept when this process stops, for whatever reason.
  void SaveAtEnd();

  bool GoesOnWithinBudget() override;
  void EndIfEvaluationIsLate();
  void End(const std::string& reason);
  // Only the leader writes it.
  absl::Status WriteResult();

  // When this run itself (not its Parts) next has something due.
  absl::Time next_deadline() const;
  // What the trainer waits for.
  WaitState Waiting() const;
  void Report(const WaitState& waiting) { reporter_.Report(Now(), waiting); }
  // Updates the status board if it may be out of date because the trainer is busy.
  void ReportIfDue();
  void LogIfDue();

 private:
  enum class Phase { kTraining, kFinalEvaluation, kOver };

  absl::Status MakeCore(const EnvSpec& env);
  // Checks the keys that set the environment's parameters.
  absl::Status MakeCurriculum(const EnvSpec& env);
  void CountForCurriculum(const v1::ExperienceBatch& batch);
  // Tells actors that join from now on.
  void AdmitAtLevel();
  // `whose` names the state in an error.
  absl::Status LoadState(const NamedTensors& state, const std::string& whose);
  absl::Status LoadOtherRun();
  absl::Status BeginReplication();
  // Returns false if nothing was updated or this was the last update.
  bool HandleUpdate(const absl::Status& updated);
  void HandOutEvaluation();
  void BeginFinalEvaluation();
  void Publish();
  RunCheckpoint State(bool with_experience);
  void SaveStep(uint64_t step);
  void SaveNewestPolicy();
  RunReporter::Moment Now() const;

  const RunConfig config_;
  const Parts parts_;
  RunProgress progress_;
  ExperienceSink sink_;
  RunHealth health_;
  RunReporter reporter_;
  EvaluationJudge judge_;

  Phase phase_ = Phase::kTraining;
  std::optional<EnvSpec> env_;          // Set once the environment is known.
  std::unique_ptr<LearningCore> core_;  // Null until then.
  RunSaver saver_;                      // May be writing what core_ holds, so it ends before.
  std::optional<Curriculum> curriculum_;
  std::string update_problem_;  // Why the last update failed; empty if it did not.
  SharedEvent newest_policy_;   // Null if this process has not published any.
  SharedEvent final_policy_;    // The policy for `result_`; null if the newest.
  RunResult result_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_TRAINING_RUN_H_
