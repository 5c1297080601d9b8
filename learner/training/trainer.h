// The one thread that learns, and its loop.
//
// Data flow: ExperienceIntake -> LearningCore -> PolicyPublisher.
// A pass of the loop averages with the other replicas, takes experience in, updates, hears
// evaluations and does what is due; the CollectionMode says when. TrainingRun is what it
// does. Between passes it waits only for its WakeSignal, always with a deadline; what for is
// in the StatusBoard, in one sentence.
// Thread safety: Stop from any thread; the others from one.
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

  // As TrainingRun::Restore. Before the service starts.
  absl::Status Restore() { return run_.Restore(); }

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
  // Until there is an environment.
  absl::Status Begin();

  // A pass, and its pieces; true: something was done.
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
