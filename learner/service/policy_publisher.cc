#include "learner/service/policy_publisher.h"

#include <utility>

namespace armature {

SharedEvent PolicyPublisher::Publish(v1::PolicyUpdate update) {
  auto event = std::make_shared<v1::LearnerEvent>();
  *event->mutable_policy() = std::move(update);
  absl::MutexLock lock(&mutex_);
  event->mutable_policy()->set_version(++last_version_);
  newest_ = std::move(event);
  SendAll(newest_);
  return newest_;
}

void PolicyPublisher::EndRun(const std::string& reason) {
  auto event = std::make_shared<v1::LearnerEvent>();
  event->mutable_run_over()->set_reason(reason);
  absl::MutexLock lock(&mutex_);
  run_over_ = std::move(event);
  SendAll(run_over_);
}

uint64_t PolicyPublisher::Subscribe(const ActorKey& actor, std::weak_ptr<EventSink> sink,
                                    uint64_t have_version) {
  std::shared_ptr<EventSink> replaced;  // Ended without holding the lock.
  uint64_t subscription = 0;
  {
    absl::MutexLock lock(&mutex_);
    if (const std::shared_ptr<EventSink> receiver = sink.lock()) {
      if (newest_ != nullptr && newest_->policy().version() > have_version) receiver->Send(newest_);
      if (run_over_ != nullptr) receiver->Send(run_over_);
    }
    uint64_t& present = by_actor_[actor];
    if (const auto former = subscriptions_.find(present); former != subscriptions_.end()) {
      replaced = former->second.sink.lock();
      subscriptions_.erase(former);
    }
    subscription = present = ++last_subscription_;
    subscriptions_[subscription] = {actor, std::move(sink)};
  }
  if (replaced != nullptr) {
    replaced->End(absl::AbortedError("a newer subscription of this actor took its place"));
  }
  return subscription;
}

void PolicyPublisher::Unsubscribe(uint64_t subscription) {
  absl::MutexLock lock(&mutex_);
  const auto found = subscriptions_.find(subscription);
  if (found == subscriptions_.end()) return;  // A newer one has replaced it.
  by_actor_.erase(found->second.actor);
  subscriptions_.erase(found);
}

uint64_t PolicyPublisher::newest_version() const {
  absl::MutexLock lock(&mutex_);
  return newest_ == nullptr ? 0 : newest_->policy().version();
}

uint64_t PolicyPublisher::next_version() const {
  absl::MutexLock lock(&mutex_);
  return last_version_ + 1;
}

int64_t PolicyPublisher::subscribers() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int64_t>(subscriptions_.size());
}

void PolicyPublisher::SendAll(const SharedEvent& event) {
  for (const auto& [id, subscription] : subscriptions_) {
    if (const auto receiver = subscription.sink.lock()) receiver->Send(event);
  }
}

}  // namespace armature
