#include "learner/intake/turn_coordinator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/protocol.h"

namespace armature {

absl::Status TurnCoordinator::Request(uint64_t stream, const ActorKey& actor, uint64_t group,
                                      int64_t steps) {
  if (group != 0 || steps != options_.steps_per_actor) {
    return absl::InvalidArgumentError(absl::StrCat("collect: group ", group, " asks for ", steps,
                                                   " steps, but turns are of group 0 and ",
                                                   options_.steps_per_actor, " steps"));
  }
  absl::MutexLock lock(&mutex_);
  if (waiting_.count(stream) > 0) return absl::OkStatus();
  const bool has_begun = !members_.empty();
  if (has_begun ? members_.count(stream) == 0
                : static_cast<int64_t>(waiting_.size()) == options_.actors) {
    return absl::FailedPreconditionError(
        absl::StrCat("collect: a reproducible run has just cluster.actors=", options_.actors,
                     " actors, and all are there"));
  }
  waiting_[stream] = actor;
  return absl::OkStatus();
}

void TurnCoordinator::StreamClosed(uint64_t stream) {
  absl::MutexLock lock(&mutex_);
  waiting_.erase(stream);
  if (members_.count(stream) > 0 && broken_.empty()) broken_ = "an actor left";
}

absl::Status TurnCoordinator::Arrived(const ActorKey& actor, uint64_t grant_id, int64_t steps) {
  absl::MutexLock lock(&mutex_);
  const auto granted = granted_.find(actor);
  if (granted == granted_.end() || (grant_id != 0 && grant_id != granted->second)) {
    return absl::InvalidArgumentError(absl::StrCat("a turn's batch with grant_id=", grant_id,
                                                   ": no grant that this actor has yet to answer"));
  }
  granted_.erase(granted);
  if (steps == 0 || steps == options_.steps_per_actor) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "a turn's batch has ", steps, " env steps, expected ", options_.steps_per_actor));
}

std::vector<CollectCoordinator::Grant> TurnCoordinator::Issue(absl::Time /*now*/) {
  absl::MutexLock lock(&mutex_);
  std::vector<Grant> grants;
  if (!opened_ || static_cast<int64_t>(waiting_.size()) < options_.actors) return grants;
  for (const auto& [stream, actor] : waiting_) {
    const uint64_t grant_id = UnguessableId();
    grants.push_back({stream, 0, grant_id, opened_->policy_version, opened_->seed});
    granted_[actor] = grant_id;
  }
  members_ = std::exchange(waiting_, {});
  opened_.reset();
  return grants;
}

bool TurnCoordinator::TakesPart(const ActorKey& actor) const {
  absl::MutexLock lock(&mutex_);
  return std::any_of(members_.begin(), members_.end(),
                     [&](const auto& member) { return member.second == actor; });
}

void TurnCoordinator::Open(uint64_t policy_version, std::optional<uint64_t> seed) {
  absl::MutexLock lock(&mutex_);
  opened_ = {policy_version, seed};
}

void TurnCoordinator::Break(const std::string& why) {
  absl::MutexLock lock(&mutex_);
  if (broken_.empty()) broken_ = why;
}

absl::Status TurnCoordinator::Check() const {
  absl::MutexLock lock(&mutex_);
  if (broken_.empty()) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat("a reproducible run goes back to its last checkpoint, because ", broken_));
}

int64_t TurnCoordinator::granted_steps() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int64_t>(granted_.size()) * options_.steps_per_actor;
}

std::string TurnCoordinator::Waiting() const {
  absl::MutexLock lock(&mutex_);
  if (opened_) {
    return absl::StrCat("the learner waits for ", options_.actors, " actors to stand ready; ",
                        waiting_.size(), " do");
  }
  return "the learner waits for the turn that actors collect";
}

}  // namespace armature
