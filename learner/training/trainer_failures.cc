// How a run ends that cannot go on, and what is kept of it then.
#include <string>

#include "absl/strings/str_cat.h"
#include "learner/run/run_state.h"
#include "learner/training/divergence.h"
#include "learner/training/trainer.h"
#include "spdlog/spdlog.h"

namespace armature {

bool Trainer::StillFinite() {
  if (absl::IsDataLoss(failure_)) return false;
  const int64_t steps = core_->algorithm().learner_steps();
  if (steps == finite_steps_) return true;
  if (const absl::Status found = core_->CheckFinite(); !found.ok()) {
    Diverged(found);
    return false;
  }
  finite_steps_ = steps;
  return true;
}

void Trainer::Diverged(const absl::Status& found) {
  failure_ = DescribeDivergence(found, config_, core_->algorithm().learner_steps(),
                                core_->LastBatch(), parts_.directory->path(), Decides());
  if (newest_policy_ == nullptr || !Decides()) return;
  // What was published last is finite, and may be newer than the newest model.
  const v1::PolicyUpdate& policy = newest_policy_->policy();
  LogIfError(saver_.SaveModel(absl::StrCat(policy.env_steps()), *env_,
                              core_->algorithm().policy().spec(), policy));
}

void Trainer::FailIfNothingIsLearned(const std::string& problem) {
  if (problem.empty() || !failure_.ok()) return;
  const bool can_go_on =
      Decides() && RunEnvSteps() < static_cast<uint64_t>(config_.run.total_env_steps);
  failure_ = absl::FailedPreconditionError(
      can_go_on ? absl::StrCat(problem, "; once that is mended, go on with ",
                               ResumeCommand(parts_.directory->path()))
                : problem);
}

void Trainer::SaveAtEnd() {
  // Before the losses are taken, to be able to name them.
  const bool finite = StillFinite();
  reporter_.Log(Now());
  // A reproducible run can go on from where its environments begin anew only.
  if (finite && (parts_.rounds == nullptr || phase_ == Phase::kOver)) {
    SaveStep(RunEnvSteps());  // The small one first.
    Checkpoint();
  }
  if (phase_ != Phase::kOver) {
    saver_.LogStop(counters_.env_steps);
  } else if (!failure_.ok()) {  // It has its policy, whatever came after it.
    spdlog::warn("{}", std::string(failure_.message()));
  }
}

}  // namespace armature
