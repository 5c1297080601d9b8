#include "actor/collect/transition_buffer.h"

#include "common/tensor/packed.h"

namespace armature {
namespace {

// Moves the first `count` rows of `width` elements into the tensor; [count] if width is 0.
template <typename T>
void TakeRows(int64_t count, int64_t width, std::vector<T>* rows, v1::Tensor* tensor) {
  const int64_t elements = count * (width == 0 ? 1 : width);
  const std::vector<int64_t> shape =
      width == 0 ? std::vector<int64_t>{count} : std::vector<int64_t>{count, width};
  SetTensor<T>(shape, absl::MakeConstSpan(rows->data(), elements), tensor);
  rows->erase(rows->begin(), rows->begin() + elements);
}

}  // namespace

TransitionBuffer::TransitionBuffer(const EnvSpec& env)
    : observation_size_(env.observation_size()),
      action_size_(env.action.size()),
      goal_extra_size_(env.goal.has_value() ? env.goal->extra_size() : 0) {}

void TransitionBuffer::Append(const Transition& transition) {
  observation_.insert(observation_.end(), transition.observation.begin(),
                      transition.observation.end());
  action_.insert(action_.end(), transition.action.begin(), transition.action.end());
  reward_.push_back(transition.reward);
  next_observation_.insert(next_observation_.end(), transition.next_observation.begin(),
                           transition.next_observation.end());
  goal_extra_.insert(goal_extra_.end(), transition.goal_extra.begin(), transition.goal_extra.end());
  terminated_.push_back(transition.terminated ? 1 : 0);
  truncated_.push_back(transition.truncated ? 1 : 0);
  slot_.push_back(transition.slot);
  policy_version_.push_back(transition.policy_version);
}

v1::TransitionBatch TransitionBuffer::Take(int64_t count) {
  v1::TransitionBatch batch;
  TakeRows(count, observation_size_, &observation_, batch.mutable_observation());
  TakeRows(count, action_size_, &action_, batch.mutable_action());
  TakeRows(count, 0, &reward_, batch.mutable_reward());
  TakeRows(count, observation_size_, &next_observation_, batch.mutable_next_observation());
  if (goal_extra_size_ > 0) {
    TakeRows(count, goal_extra_size_, &goal_extra_, batch.mutable_goal_extra());
  }
  TakeRows(count, 0, &terminated_, batch.mutable_terminated());
  TakeRows(count, 0, &truncated_, batch.mutable_truncated());
  TakeRows(count, 0, &slot_, batch.mutable_slot());
  TakeRows(count, 0, &policy_version_, batch.mutable_policy_version());
  return batch;
}

}  // namespace armature
