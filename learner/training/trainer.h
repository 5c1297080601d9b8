// The training loop, run by the only thread that learns.
//
// Data flow: ExperienceIntake -> LearningCore -> PolicyPublisher.
// Each pass of the loop synchronizes with the other replicas, takes experience, updates, takes
// evaluation results and does what is due. The CollectionMode decides when to do what; TrainingRun
// does it. Between passes the loop waits only for its WakeSignal, always with a deadline. The
// StatusBoard has one sentence on what it waits for.
// Thread safety: Stop from any thread; the others from one thread.
// Call order: Restore? Run.
#ifndef ARMATURE_LEARNER_TRAINING_TRAINER_H_
#define ARMATURE_LEARNER_TRAINING_TRAINER_H_

#include <atomic>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/run_config/run_config.h"
#include "learner/training/limiter_waits.h"
#include "learner/training/training_run.h"

namespace armature {

class Trainer {
 public:
  using Parts = TrainingRun::Parts;

  Trainer(const RunConfig& config, const Parts& parts);

  // As TrainingRun::Restore. Call before the service starts.
  absl::Status Restore() { return run_.Restore(); }

  // Returns true if the run is over. Returns false after Stop; a checkpoint is written, and actors
  // are not told that the run is over. With replicas, only replica 0 evaluates, ends the run and
  // writes its result. Returns Aborted if a reproducible run has lost something and must be resumed
  // by another process; DataLoss if what it learned is no longer finite (divergence.h);
  // FailedPrecondition if almost none of its experience was usable (experience_watch.h); other
  // errors if the run cannot begin or its result cannot be written. The run can be resumed after
  // any of these errors.
  absl::StatusOr<bool> Run();

  void Stop();

 private:
  // Begins the run if the environment is known; otherwise waits.
  absl::Status Begin();

  // One pass and its parts. They return whether they did anything.
  absl::Status Pass();
  absl::StatusOr<bool> Synchronize();
  bool TakeExperience();
  bool Learn();
  bool Finish();
  void CountLimiterWaits();
  void Wait();

  void Linger();

  const RunConfig config_;
  const Parts parts_;
  TrainingRun run_;
  LimiterWaits limiter_waits_;
  std::atomic<bool> stop_{false};
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_TRAINER_H_
