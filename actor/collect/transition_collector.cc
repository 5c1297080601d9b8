#include "actor/collect/transition_collector.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace armature {

TransitionCollector::TransitionCollector(const std::vector<Group>& groups, const EnvSpec& env,
                                         const std::shared_ptr<const ActionSource>& actions,
                                         int64_t transitions_per_batch)
    : Collector(groups, env), transitions_per_batch_(transitions_per_batch), buffer_(env) {
  for (const Group& group : groups) {
    cutters_.emplace_back(group.first_slot, env, actions);
  }
}

bool TransitionCollector::PrepareToAct(size_t /*group*/, uint64_t /*policy_version*/,
                                       int64_t room) {
  return room > 0;
}

void TransitionCollector::OnActions(size_t group, const GroupActions& actions) {
  cutters_[group].OnAction(actions);
}

void TransitionCollector::Cut(size_t group, const DecodedStep& step, absl::Time now) {
  cutters_[group].OnStep(step, &buffer_);
  if (has_content()) due_ = std::min(due_, now + kFlushAfter);
}

v1::ExperienceBatch TransitionCollector::TakeBatch() {
  v1::ExperienceBatch batch;
  if (buffer_.size() > 0) {
    *batch.mutable_transitions() = buffer_.Take(std::min(buffer_.size(), transitions_per_batch_));
  }
  TakeCounts(&batch);
  return batch;
}

std::vector<v1::ExperienceBatch> TransitionCollector::Take(int64_t room, absl::Time now) {
  std::vector<v1::ExperienceBatch> batches;
  while (static_cast<int64_t>(batches.size()) < room &&
         (buffer_.size() >= transitions_per_batch_ || (has_content() && now >= due_))) {
    batches.push_back(TakeBatch());
    due_ = has_content() ? now + kFlushAfter : absl::InfiniteFuture();
  }
  return batches;
}

std::vector<v1::ExperienceBatch> TransitionCollector::Flush() {
  return Take(std::numeric_limits<int64_t>::max(), absl::InfiniteFuture());
}

absl::Time TransitionCollector::NextDeadline() const { return due_; }

}  // namespace armature
