// The one thread that learns: takes experience in, updates, publishes, has the
// policy evaluated, writes checkpoints, and ends the run.
//
// Data flow: ExperienceIntake -> LearningCore -> PolicyPublisher.
// It waits only for its WakeSignal, always with a deadline; what for is in the
// StatusBoard, in one sentence.
// Thread safety: Stop from any thread; the others from one.
// Call order: Restore? Run.
#ifndef ARMATURE_LEARNER_TRAINING_TRAINER_H_
#define ARMATURE_LEARNER_TRAINING_TRAINER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "c10/core/Device.h"
#include "common/run_config/run_config.h"
#include "common/sync/wake_signal.h"
#include "learner/intake/experience_intake.h"
#include "learner/intake/experience_watch.h"
#include "learner/intake/rollout_coordinator.h"
#include "learner/intake/round_coordinator.h"
#include "learner/replicas/replica_sync.h"
#include "learner/run/run_directory.h"
#include "learner/service/admission.h"
#include "learner/service/evaluation_scheduler.h"
#include "learner/service/event_slots.h"
#include "learner/service/policy_publisher.h"
#include "learner/service/remote_goal_reward.h"
#include "learner/status/learner_metrics.h"
#include "learner/status/status_board.h"
#include "learner/status/wait_reason.h"
#include "learner/training/evaluation_judge.h"
#include "learner/training/learning_core.h"
#include "learner/training/run_checkpoint.h"
#include "learner/training/run_reporter.h"
#include "learner/training/run_saver.h"

namespace armature {

class Trainer {
 public:
  struct Parts {
    Admission* admission = nullptr;
    ExperienceIntake* intake = nullptr;
    RolloutCoordinator* coordinator = nullptr;  // Null for off-policy runs, and in rounds.
    RoundCoordinator* rounds = nullptr;         // Null but for reproducible runs.
    PolicyPublisher* publisher = nullptr;
    EvaluationScheduler* evaluations = nullptr;
    RunDirectory* directory = nullptr;
    LearnerMetrics* metrics = nullptr;
    StatusBoard* status = nullptr;
    WakeSignal* wake = nullptr;
    ReplicaSync* replicas = nullptr;          // Null where learner.replicas is 1.
    RemoteGoalReward* goal_reward = nullptr;  // Null: without hindsight.
  };

  Trainer(const RunConfig& config, const Parts& parts, c10::Device device);

  // Goes on from the newest checkpoint: experience, weights, counters, sequences;
  // then publishes. Before the service starts.
  // OK; NotFound: there never was a checkpoint, so the run begins anew, and what it had
  // written is put aside; FailedPrecondition: it does not fit the configuration; DataLoss:
  // there is none that can be read.
  absl::Status Restore();

  // With replicas, only replica 0 evaluates, ends the run and writes its result.
  // OK: the run is over (true) or Stop was called (false; a checkpoint is written
  // and actors are not told that the run is over); errors: the run cannot begin, or
  // its result cannot be written; Aborted: a reproducible run has lost something and
  // is to be resumed by another process; DataLoss: what it learned is not finite any
  // more (divergence.h); FailedPrecondition: nearly none of its experience could be
  // learned from (experience_watch.h). The folder can be resumed after each.
  absl::StatusOr<bool> Run();

  void Stop();

 private:
  enum class Phase { kTraining, kFinalEvaluation, kOver };

  // Pieces of one round of Run; true: something was done.
  absl::StatusOr<bool> Begin();
  absl::StatusOr<bool> Synchronize();
  bool TakeExperience();
  bool TakeRound();
  bool Learn();
  bool Evaluate();
  bool EndRound();
  void Checkpoint();
  void SaveStep(uint64_t step);
  void SaveAtEnd();
  void Wait();

  absl::Status MakeCore(const EnvSpec& env);
  absl::Status LoadOtherRun();
  absl::Status BeginReplicas();
  // Whether all that was learned is finite; otherwise the run fails. Before anything of it
  // leaves this process or its memory.
  bool StillFinite();
  // The run cannot go on, since `found` is not finite.
  void Diverged(const absl::Status& found);
  // `problem`: the watch's; empty: there is none.
  void FailIfNothingIsLearned(const std::string& problem);
  bool Decides() const;          // Whether this replica evaluates and ends the run.
  uint64_t RunEnvSteps() const;  // Of all replicas.
  void Store(const ExperienceIntake::Entry& entry);
  void Count(const v1::ExperienceBatch& batch);
  void OnInserted();
  void Publish();
  void PublishIfDue();
  void HandleJudgement(const Judgement& judgement);
  void EndIfBudgetIsSpent();
  void EndTraining(const std::string& reason);
  absl::Status WriteResult();
  RunCheckpoint State(bool with_experience) const;
  void Linger();
  void Report(const WaitState& waiting);
  WaitState Waiting() const;
  void CountLimiterWaits();
  double WallSeconds() const;
  RunReporter::Moment Now() const;

  const RunConfig config_;
  const Parts parts_;
  const c10::Device device_;
  RunSaver saver_;
  RunReporter reporter_;
  EvaluationJudge judge_;
  std::atomic<bool> stop_{false};

  std::optional<EnvSpec> env_;
  std::unique_ptr<LearningCore> core_;  // Null until the environment is known.
  bool in_step_ = Decides();            // With the other replicas: it may learn and publish.
  RunCounters counters_;
  absl::Time first_experience_ = absl::InfiniteFuture();  // Of this process.

  Phase phase_ = Phase::kTraining;
  RunResult result_;
  absl::Status failure_;       // Not OK: the run ends with it, though it is not over.
  int64_t finite_steps_ = -1;  // Gradient steps after which all was found finite.
  ExperienceWatch watch_;
  SharedEvent newest_policy_;
  SharedEvent final_policy_;  // The one that `result_` is of; null: the newest.

  // Reproducible runs: the batches of this round that came; whether it is under way,
  // and otherwise whether what it taught is published; the last checkpoint's place.
  std::vector<ExperienceIntake::Entry> round_;
  bool round_open_ = false;
  bool round_published_ = true;
  bool round_seeded_ = false;  // By this process.
  uint64_t saved_env_steps_ = 0;
  std::string update_problem_;  // Why the last update failed; empty: it did not.

  // Which side the limiter held back in the last round, and when that was.
  bool insert_blocked_ = false;
  bool update_blocked_ = false;
  absl::Time last_round_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_TRAINER_H_
