#include "learner/training/run_health.h"

#include "absl/strings/str_cat.h"
#include "learner/run/run_state.h"
#include "learner/training/divergence.h"

namespace armature {

bool RunHealth::StillFinite(LearningCore* core) {
  if (diverged()) return false;
  const int64_t steps = core->algorithm().learner_steps();
  if (steps == finite_steps_) return true;
  if (const absl::Status found = core->CheckFinite(); !found.ok()) {
    Diverge(found, core);
    return false;
  }
  finite_steps_ = steps;
  return true;
}

void RunHealth::Diverge(const absl::Status& found, LearningCore* core) {
  before_diverging_();
  failure_ = DescribeDivergence(found, config_, core->algorithm().learner_steps(),
                                core->LastBatch(), run_dir_, replication_->leads_run());
}

void RunHealth::FailIfAny(const std::string& problem) {
  if (problem.empty() || !failure_.ok()) return;
  const bool can_go_on = replication_->leads_run() && !progress_->is_budget_spent();
  failure_ = absl::FailedPreconditionError(
      can_go_on
          ? absl::StrCat(problem, "; once that is mended, go on with ", ResumeCommand(run_dir_))
          : problem);
}

}  // namespace armature
