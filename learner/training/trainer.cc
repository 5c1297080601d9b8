#include "learner/training/trainer.h"

#include <algorithm>
#include <optional>
#include <string>

#include "common/sync/steady_time.h"

namespace armature {
namespace {

constexpr absl::Duration kWaitMax = absl::Seconds(1);
// How long a run that is over waits for its actors to leave.
constexpr absl::Duration kLingerMax = absl::Seconds(5);

}  // namespace

Trainer::Trainer(const RunConfig& config, const Parts& parts)
    : config_(config),
      parts_(parts),
      run_(config, parts),
      limiter_waits_(&parts.metrics, SteadyTime()) {}

void Trainer::Stop() {
  stop_ = true;
  parts_.replication.Stop();
  parts_.wake.Notify();
}

absl::StatusOr<bool> Trainer::Run() {
  while (!stop_ && !run_.is_over() && run_.failure().ok()) {
    absl::Status status = run_.has_begun() ? Pass() : Begin();
    if (!status.ok()) return status;
  }
  if (run_.has_begun()) run_.SaveAtEnd();
  if (!run_.is_over()) {
    if (run_.failure().ok()) return false;
    run_.Report({WaitReason::kNothing, std::string(run_.failure().message())});
    return run_.failure();
  }
  if (absl::Status status = run_.WriteResult(); !status.ok()) return status;
  parts_.replication.End(run_.result().reason);
  run_.Report({WaitReason::kNothing, "the run is over"});
  parts_.publisher.EndRun(run_.result().reason);
  Linger();
  return true;
}

absl::Status Trainer::Pass() {
  if (run_.is_training()) {
    if (absl::Status status = parts_.mode.Check(); !status.ok()) return status;
  }
  const absl::StatusOr<bool> changed = Synchronize();
  if (!changed.ok()) return changed.status();
  bool busy = *changed;
  busy |= TakeExperience();
  busy |= Learn();
  run_.CheckExperience();
  if (!run_.failure().ok()) return absl::OkStatus();
  busy |= run_.TakeJudgement();
  busy |= Finish();
  if (run_.is_over()) return absl::OkStatus();
  CountLimiterWaits();
  run_.LogIfDue();
  run_.CheckpointIfDue();
  if (busy) {
    run_.ReportIfDue();
  } else {
    Wait();
  }
  return absl::OkStatus();
}

absl::Status Trainer::Begin() {
  const std::optional<EnvSpec> env = parts_.admission.spec();
  if (env) return run_.Begin(*env);
  Wait();
  return absl::OkStatus();
}

absl::StatusOr<bool> Trainer::Synchronize() {
  using Standing = ReplicaGroup::Standing;
  const bool was_in_step = parts_.replication.in_step();
  if (!was_in_step) run_.Report(run_.Waiting());  // Joining may take a while.
  const auto standing = parts_.replication.Synchronize(run_.progress().env_steps());
  if (!standing.ok()) return standing.status();
  if (*standing == Standing::kRunIsOver) run_.End("replica 0 has ended the run");
  if (*standing == Standing::kJoined) {
    run_.OnStateTaken();
    run_.PublishAgain();
  }
  const bool in_step = parts_.replication.in_step();
  if (in_step && !was_in_step) run_.PublishIfDue();
  return in_step != was_in_step;
}

bool Trainer::TakeExperience() {
  if (!run_.is_training() || !parts_.mode.TakeExperience(&parts_.intake, &run_)) return false;
  run_.OnStored();
  return true;
}

bool Trainer::Learn() {
  if (!run_.is_training() || !parts_.replication.in_step() || !run_.CanUpdate()) {
    return false;
  }
  return run_.Update();
}

bool Trainer::Finish() {
  if (run_.is_training()) return parts_.mode.FinishPass(&run_);
  run_.SaveStepIfDue();
  run_.EndIfEvaluationIsLate();
  return false;
}

void Trainer::CountLimiterWaits() {
  const int64_t steps = parts_.intake.NextSteps();
  const bool limits = run_.is_training() && !config_.algorithm.on_policy();
  limiter_waits_.Count(limits && steps > 0 && !run_.CanInsert(steps), limits && !run_.CanUpdate(),
                       SteadyTime());
}

// The next pass acts on each of these deadlines. They are infinite while it would not, that is
// before the run begins and after training.
void Trainer::Wait() {
  const absl::Time deadline =
      std::min({SteadyTime() + kWaitMax, run_.next_deadline(), parts_.evaluations.next_deadline(),
                parts_.mode.coordinator().next_deadline(), parts_.replication.next_deadline()});
  run_.Report(run_.Waiting());
  parts_.wake.WaitUntil(deadline);
}

// Acknowledges what actors send as they leave, so that they do not wait.
void Trainer::Linger() {
  const absl::Time deadline = SteadyTime() + kLingerMax;
  while (!stop_ && SteadyTime() < deadline) {
    while (const std::optional<ExperienceIntake::Entry> entry = parts_.intake.Pop()) {
      parts_.intake.Stored(*entry);
    }
    if (parts_.intake.streams() == 0 && parts_.publisher.subscribers() == 0) return;
    parts_.wake.WaitUntil(deadline);
  }
}

}  // namespace armature
