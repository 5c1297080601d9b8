#include "actor/collect/action_source.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/policy/policy_actions.h"

namespace armature {
namespace {

class Proposed final : public ActionSource {
 public:
  std::vector<float> Choose(const std::vector<float>& proposed,
                            const DecodedStep& /*step*/) const override {
    return proposed;
  }
};

class Executed final : public ActionSource {
 public:
  explicit Executed(ActionSpec action) : action_(std::move(action)) {}

  std::vector<float> Choose(const std::vector<float>& /*proposed*/,
                            const DecodedStep& step) const override {
    return ScaleFromBounds(action_, step.executed_action);
  }

 private:
  const ActionSpec action_;
};

}  // namespace

std::shared_ptr<const ActionSource> ProposedActions() { return std::make_shared<Proposed>(); }

std::shared_ptr<const ActionSource> ExecutedActions(const ActionSpec& action) {
  return std::make_shared<Executed>(action);
}

absl::StatusOr<std::shared_ptr<const ActionSource>> MakeActionSource(v1::StoredAction stored,
                                                                     const EnvSpec& env) {
  switch (stored) {
    case v1::STORED_ACTION_PROPOSED:
      return ProposedActions();
    case v1::STORED_ACTION_EXECUTED:
      if (env.reports_executed_action) return ExecutedActions(env.action);
      return absl::InvalidArgumentError(absl::StrCat("JoinResponse.stored_action is ",
                                                     v1::StoredAction_Name(stored), ", but ",
                                                     env.id, " does not report executed actions"));
    default:
      return absl::InvalidArgumentError(absl::StrCat("JoinResponse.stored_action is ",
                                                     static_cast<int>(stored),
                                                     ", which this version does not know"));
  }
}

}  // namespace armature
