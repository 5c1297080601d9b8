#include "learner/round_coordinator.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace armature {

absl::Status RoundCoordinator::Request(uint64_t stream, uint64_t group, int64_t steps) {
  if (group != 0 || steps != options_.steps_per_actor) {
    return absl::InvalidArgumentError(absl::StrCat("collect: group ", group, " asks for ", steps,
                                                   " steps, but rounds are of group 0 and ",
                                                   options_.steps_per_actor, " steps"));
  }
  absl::MutexLock lock(&mutex_);
  if (std::find(waiting_.begin(), waiting_.end(), stream) != waiting_.end()) {
    return absl::OkStatus();
  }
  if (static_cast<int64_t>(waiting_.size()) == options_.actors) {
    return absl::FailedPreconditionError(
        absl::StrCat("collect: a reproducible run has just cluster.actors=", options_.actors,
                     " actors, and all stand ready"));
  }
  waiting_.push_back(stream);
  return absl::OkStatus();
}

void RoundCoordinator::StreamClosed(uint64_t stream) {
  absl::MutexLock lock(&mutex_);
  waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), stream), waiting_.end());
  if (begun_ && broken_.empty()) broken_ = "an actor left";
}

std::vector<CollectCoordinator::Grant> RoundCoordinator::Issue(absl::Time /*now*/) {
  absl::MutexLock lock(&mutex_);
  std::vector<Grant> grants;
  if (!opened_ || static_cast<int64_t>(waiting_.size()) < options_.actors) return grants;
  for (uint64_t stream : waiting_) {
    grants.push_back({stream, 0, ++last_grant_id_, opened_->policy_version, opened_->seed});
  }
  waiting_.clear();
  opened_.reset();
  begun_ = true;
  return grants;
}

void RoundCoordinator::Open(uint64_t policy_version, std::optional<uint64_t> seed) {
  absl::MutexLock lock(&mutex_);
  opened_ = {policy_version, seed};
}

void RoundCoordinator::Break(const std::string& why) {
  absl::MutexLock lock(&mutex_);
  if (broken_.empty()) broken_ = why;
}

absl::Status RoundCoordinator::Check() const {
  absl::MutexLock lock(&mutex_);
  if (broken_.empty()) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat("a reproducible run goes back to its last checkpoint, because ", broken_));
}

std::string RoundCoordinator::Waiting() const {
  absl::MutexLock lock(&mutex_);
  if (opened_) {
    return absl::StrCat("the learner waits for ", options_.actors, " actors to stand ready; ",
                        waiting_.size(), " do");
  }
  return "the learner waits for the round that actors collect";
}

}  // namespace armature
