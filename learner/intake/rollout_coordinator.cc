#include "learner/intake/rollout_coordinator.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "common/rpc/protocol.h"

namespace armature {

absl::Status RolloutCoordinator::Request(uint64_t stream, const ActorKey& actor, uint64_t group,
                                         int64_t steps) {
  if (steps <= 0 || steps % options_.unroll_length != 0 || steps > options_.rollout_steps) {
    return absl::InvalidArgumentError(absl::StrCat(
        "collect.steps=", steps, " of group ", group, " is not a positive multiple of ",
        options_.unroll_length, " of at most ", options_.rollout_steps));
  }
  if (group >= static_cast<uint64_t>(options_.slots)) {
    return absl::InvalidArgumentError(absl::StrCat("collect.group=", group, ", but an actor has ",
                                                   options_.slots, " slots: expected 0 .. ",
                                                   options_.slots - 1));
  }
  absl::MutexLock lock(&mutex_);
  if (known_.emplace(stream, group).second) waiting_.push_back({stream, actor, group, steps});
  return absl::OkStatus();
}

void RolloutCoordinator::StreamClosed(uint64_t stream) {
  absl::MutexLock lock(&mutex_);
  waiting_.erase(std::remove_if(waiting_.begin(), waiting_.end(),
                                [&](const Waiting& w) { return w.stream == stream; }),
                 waiting_.end());
  known_.erase(known_.lower_bound({stream, 0}), known_.lower_bound({stream + 1, 0}));
  for (auto grant = open_.begin(); grant != open_.end();) {
    grant = grant->second.stream == stream ? Lapse(grant) : std::next(grant);
  }
}

void RolloutCoordinator::Renew(const ActorKey& actor, const std::vector<uint64_t>& grant_ids,
                               absl::Time now) {
  absl::MutexLock lock(&mutex_);
  for (const uint64_t grant_id : grant_ids) {
    const auto grant = open_.find(grant_id);
    if (grant == open_.end() || grant->second.actor != actor) continue;
    grant->second.deadline = now + options_.grant_timeout;
  }
}

absl::Status RolloutCoordinator::Arrived(const ActorKey& actor, uint64_t grant_id, int64_t steps) {
  absl::MutexLock lock(&mutex_);
  OpenGrants* grants = open_.count(grant_id) > 0 ? &open_ : &lapsed_;
  const auto grant = grants->find(grant_id);
  if (grant == grants->end() || grant->second.actor != actor) {
    return absl::InvalidArgumentError(absl::StrCat(
        "trajectory.grant_id=", grant_id, " is no grant that this actor has yet to answer"));
  }
  const int64_t granted = grant->second.steps;
  if (grants == &open_) granted_steps_ -= granted;
  grants->erase(grant);
  if (steps != 0 && steps != granted) {
    return absl::InvalidArgumentError(absl::StrCat("trajectory: ", steps, " steps came for grant ",
                                                   grant_id, ", which is of ", granted));
  }
  queued_steps_ += steps;
  return absl::OkStatus();
}

void RolloutCoordinator::Consumed(int64_t steps, int64_t buffered, uint64_t newest_version) {
  absl::MutexLock lock(&mutex_);
  queued_steps_ -= steps;
  buffered_steps_ = buffered;
  newest_version_ = newest_version;
}

std::vector<CollectCoordinator::Grant> RolloutCoordinator::Issue(absl::Time now) {
  absl::MutexLock lock(&mutex_);
  for (auto grant = open_.begin(); grant != open_.end();) {
    if (grant->second.deadline > now) {
      ++grant;
      continue;
    }
    grant = Lapse(grant);
    ++lapsed_grants_;
  }
  std::vector<Grant> grants;
  if (newest_version_ == 0) return grants;
  const int64_t steps_max = options_.rollout_steps * (1 + options_.max_policy_lag);
  while (!waiting_.empty() && StepsUnderWay() < steps_max) {
    const Waiting& next = waiting_.front();
    // By the time the learner uses the set with these steps, `sets_ahead` newer versions exist.
    const int64_t sets_ahead = StepsUnderWay() / options_.rollout_steps;
    const int64_t version_min = std::max<int64_t>(
        1, static_cast<int64_t>(newest_version_) + sets_ahead - options_.max_policy_lag);
    const uint64_t grant_id = UnguessableId();
    grants.push_back(
        {next.stream, next.group, grant_id, static_cast<uint64_t>(version_min), std::nullopt});
    open_[grant_id] = {next.stream, next.actor, next.steps, now + options_.grant_timeout};
    granted_steps_ += next.steps;
    known_.erase({next.stream, next.group});
    waiting_.pop_front();
  }
  return grants;
}

void RolloutCoordinator::Finish() {
  absl::MutexLock lock(&mutex_);
  waiting_.clear();
  known_.clear();
  open_.clear();
  granted_steps_ = 0;
}

absl::Time RolloutCoordinator::next_deadline() const {
  absl::MutexLock lock(&mutex_);
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [id, grant] : open_) next = std::min(next, grant.deadline);
  return next;
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

// The grant's steps can be granted again. Its actor may still answer.
RolloutCoordinator::OpenGrants::iterator RolloutCoordinator::Lapse(OpenGrants::iterator grant) {
  granted_steps_ -= grant->second.steps;
  lapsed_order_.push_back(grant->first);
  lapsed_.insert(*grant);
  if (lapsed_order_.size() > kLapsedMax) {
    lapsed_.erase(lapsed_order_.front());
    lapsed_order_.pop_front();
  }
  return open_.erase(grant);
}

int64_t RolloutCoordinator::StepsUnderWay() const {
  return granted_steps_ + queued_steps_ + buffered_steps_;
}

}  // namespace armature
