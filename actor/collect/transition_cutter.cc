#include "actor/collect/transition_cutter.h"

#include <utility>

#include "absl/types/span.h"

namespace armature {
namespace {

absl::Span<const float> Row(const std::vector<float>& rows, int64_t row, int64_t width) {
  return absl::MakeConstSpan(rows).subspan(row * width, width);
}

}  // namespace

TransitionCutter::TransitionCutter(int64_t first_slot, const EnvSpec& env,
                                   std::shared_ptr<const ActionSource> actions)
    : first_slot_(first_slot),
      actions_(std::move(actions)),
      observation_size_(env.observation_size()),
      action_size_(env.action.size()),
      goal_extra_size_(env.goal.has_value() ? env.goal->extra_size() : 0) {}

void TransitionCutter::OnAction(const GroupActions& actions) {
  proposed_ = actions.stored;
  policy_version_ = actions.policy_version;
}

void TransitionCutter::OnStep(const DecodedStep& step, TransitionBuffer* out) {
  int64_t final_row = 0;
  const std::vector<float> action =
      step.step > 0 ? actions_->Choose(proposed_, step) : std::vector<float>();
  for (int64_t slot = 0; step.step > 0 && slot < step.num_slots(); ++slot) {
    if (step.restarted[slot] != 0) continue;
    const bool ended = step.ended(slot);
    Transition transition;
    transition.observation = Row(observation_, slot, observation_size_);
    transition.action = Row(action, slot, action_size_);
    transition.reward = step.reward[slot];
    transition.next_observation = ended
                                      ? Row(step.final_observation, final_row++, observation_size_)
                                      : Row(step.observation, slot, observation_size_);
    transition.goal_extra = Row(step.goal_extra, slot, goal_extra_size_);
    transition.terminated = step.terminated[slot] != 0;
    transition.truncated = step.truncated[slot] != 0;
    transition.slot = static_cast<int32_t>(first_slot_ + slot);
    transition.policy_version = static_cast<int64_t>(policy_version_);
    out->Append(transition);
  }
  observation_ = step.observation;
}

}  // namespace armature
