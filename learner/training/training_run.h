// A run while it is trained: what learns, how far it is, and what is published, evaluated,
// saved and said of it. The Trainer's loop and the CollectionMode say when.
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
  // All outlive it.
  struct Parts {
    Admission& admission;              // Knows the environment once an actor has joined.
    ExperienceIntake& intake;          // The queue of batches, and where they are acknowledged.
    CollectionMode& mode;              // Says when what is done.
    const CoreFactory& cores;          // Makes what learns, once the environment is known.
    Replication& replication;          // The other replicas of the run, if there are any.
    PolicyPublisher& publisher;        // Numbers policies and sends them to actors.
    EvaluationScheduler& evaluations;  // Has actors evaluate what the judge asks for.
    RunDirectory& directory;           // The run's folder, with all that it writes.
    LearnerMetrics& metrics;           // What /metrics shows.
    StatusBoard& status;               // What GetStatus answers.
    WakeSignal& wake;                  // Set by whoever has something for the trainer.
  };

  TrainingRun(const RunConfig& config, const Parts& parts);

  // Goes on from the newest checkpoint: experience, weights, counters, sequences;
  // then publishes.
  // OK; NotFound: there never was a checkpoint, so the run begins anew, and what it had
  // written is put aside; FailedPrecondition: it does not fit the configuration; DataLoss:
  // there is none that can be read.
  absl::Status Restore();
  // Begins with `env`; and with what run.load had learned.
  // Errors: as CoreFactory::Create, RunSaver::LoadStep and Replication::Begin.
  absl::Status Begin(const EnvSpec& env);
  bool has_begun() const { return core_ != nullptr; }

  bool is_training() const { return phase_ == Phase::kTraining; }
  bool is_over() const { return phase_ == Phase::kOver; }
  // Not OK: the run ends with it, though it is not over.
  const absl::Status& failure() const { return health_.failure(); }
  // Complete once the run is over.
  const RunResult& result() const { return result_; }

  bool CanInsert(int64_t steps) const override { return core_->CanInsert(steps); }
  bool CanUpdate() const override { return core_->CanUpdate(); }
  const RunProgress& progress() const override { return progress_; }
  uint64_t newest_policy_version() const override { return parts_.publisher.newest_version(); }

  void Store(const ExperienceIntake::Entry& entry) override;
  // Experience was stored.
  void OnStored();
  // Fails where next to nothing of what came can be learned from.
  void CheckExperience();
  // One update, and what follows from it; false: it failed, or the run has.
  bool Update();
  // Another's state was taken over.
  void OnStateTaken();

  void DeliverGrants() override;
  void EvaluateIfDue() override;
  // What an evaluation says, which may end training; false: there is nothing new.
  bool TakeJudgement();

  void PublishIfDue();
  void PublishAgain() override;

  void SaveStepIfDue() override;
  void Checkpoint() override;
  void CheckpointIfDue();
  // What is kept of a run that ends, however it does.
  void SaveAtEnd();

  bool GoesOnWithinBudget() override;
  void EndIfEvaluationIsLate();
  void End(const std::string& reason);
  // The leader's.
  absl::Status WriteResult();

  // When something is due that is not the parts'.
  absl::Time next_deadline() const;
  // What the trainer waits for.
  WaitState Waiting() const;
  void Report(const WaitState& waiting) { reporter_.Report(Now(), waiting); }
  // Where the status board may be out of date although the trainer is busy.
  void ReportIfDue();
  void LogIfDue();

 private:
  enum class Phase { kTraining, kFinalEvaluation, kOver };

  absl::Status MakeCore(const EnvSpec& env);
  // `whose`: as an error names it.
  absl::Status LoadState(const NamedTensors& state, const std::string& whose);
  absl::Status LoadOtherRun();
  absl::Status BeginReplication();
  // False: nothing was updated, or it is the last.
  bool HandleUpdate(const absl::Status& updated);
  void HandOutEvaluation();
  void BeginFinalEvaluation();
  void Publish();
  RunCheckpoint State(bool with_experience) const;
  void SaveStep(uint64_t step);
  void SaveNewestPolicy();
  RunReporter::Moment Now() const;

  const RunConfig config_;
  const Parts parts_;
  RunProgress progress_;
  ExperienceSink sink_;
  RunHealth health_;
  RunSaver saver_;
  RunReporter reporter_;
  EvaluationJudge judge_;

  Phase phase_ = Phase::kTraining;
  std::optional<EnvSpec> env_;          // Not before an actor has brought it.
  std::unique_ptr<LearningCore> core_;  // Null until then.
  std::string update_problem_;          // Why the last update failed; empty: it did not.
  SharedEvent newest_policy_;           // Null: none is published by this process.
  SharedEvent final_policy_;            // The one that `result_` is of; null: the newest.
  RunResult result_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_TRAINING_RUN_H_
