#include "learner/rollout_coordinator.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace armature {

absl::Status RolloutCoordinator::Request(uint64_t stream, uint64_t group, int64_t steps) {
  if (steps <= 0 || steps % options_.unroll_length != 0 || steps > options_.rollout_steps) {
    return absl::InvalidArgumentError(absl::StrCat(
        "collect.steps=", steps, " of group ", group, " is not a positive multiple of ",
        options_.unroll_length, " of at most ", options_.rollout_steps));
  }
  absl::MutexLock lock(&mutex_);
  const bool known = std::any_of(waiting_.begin(), waiting_.end(), [&](const Waiting& w) {
    return w.stream == stream && w.group == group;
  });
  if (known) return absl::OkStatus();
  if (waiting_.size() >= kWaitingMax) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "collect: ", kWaitingMax, " groups wait already, the most this learner takes"));
  }
  waiting_.push_back({stream, group, steps});
  return absl::OkStatus();
}

void RolloutCoordinator::StreamClosed(uint64_t stream) {
  absl::MutexLock lock(&mutex_);
  waiting_.erase(std::remove_if(waiting_.begin(), waiting_.end(),
                                [&](const Waiting& w) { return w.stream == stream; }),
                 waiting_.end());
  for (auto grant = open_.begin(); grant != open_.end();) {
    if (grant->second.stream == stream) {
      granted_steps_ -= grant->second.steps;
      grant = open_.erase(grant);
    } else {
      ++grant;
    }
  }
}

void RolloutCoordinator::Arrived(uint64_t grant_id, int64_t steps) {
  absl::MutexLock lock(&mutex_);
  const auto grant = open_.find(grant_id);
  if (grant != open_.end()) {
    granted_steps_ -= grant->second.steps;
    open_.erase(grant);
  }
  queued_steps_ += steps;
}

void RolloutCoordinator::Consumed(int64_t steps, int64_t buffered, uint64_t newest_version) {
  absl::MutexLock lock(&mutex_);
  queued_steps_ -= steps;
  buffered_steps_ = buffered;
  newest_version_ = newest_version;
}

std::vector<CollectCoordinator::Grant> RolloutCoordinator::Issue(absl::Time now) {
  absl::MutexLock lock(&mutex_);
  while (!open_.empty() && open_.begin()->second.deadline <= now) {
    granted_steps_ -= open_.begin()->second.steps;
    open_.erase(open_.begin());
    ++lapsed_grants_;
  }
  std::vector<Grant> grants;
  if (newest_version_ == 0) return grants;
  const int64_t steps_max = options_.rollout_steps * (1 + options_.max_policy_lag);
  while (!waiting_.empty() && StepsUnderWay() < steps_max) {
    const Waiting& next = waiting_.front();
    // The set that these steps will be part of is learned from `sets_ahead`
    // versions after the newest one.
    const int64_t sets_ahead = StepsUnderWay() / options_.rollout_steps;
    const int64_t version_min = std::max<int64_t>(
        1, static_cast<int64_t>(newest_version_) + sets_ahead - options_.max_policy_lag);
    const uint64_t grant_id = ++last_grant_id_;
    grants.push_back(
        {next.stream, next.group, grant_id, static_cast<uint64_t>(version_min), std::nullopt});
    open_[grant_id] = {next.stream, next.steps, now + options_.grant_timeout};
    granted_steps_ += next.steps;
    waiting_.pop_front();
  }
  return grants;
}

absl::Time RolloutCoordinator::next_deadline() const {
  absl::MutexLock lock(&mutex_);
  return open_.empty() ? absl::InfiniteFuture() : open_.begin()->second.deadline;
}

int64_t RolloutCoordinator::granted_steps() const {
  absl::MutexLock lock(&mutex_);
  return granted_steps_;
}

int64_t RolloutCoordinator::waiting_groups() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int64_t>(waiting_.size());
}

uint64_t RolloutCoordinator::lapsed_grants() const {
  absl::MutexLock lock(&mutex_);
  return lapsed_grants_;
}

int64_t RolloutCoordinator::StepsUnderWay() const {
  return granted_steps_ + queued_steps_ + buffered_steps_;
}

}  // namespace armature
