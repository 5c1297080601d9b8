#include "learner/policy_publisher.h"

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

uint64_t PolicyPublisher::Subscribe(std::weak_ptr<EventSink> sink, uint64_t have_version) {
  absl::MutexLock lock(&mutex_);
  if (const std::shared_ptr<EventSink> receiver = sink.lock()) {
    if (newest_ != nullptr && newest_->policy().version() > have_version) receiver->Send(newest_);
    if (run_over_ != nullptr) receiver->Send(run_over_);
  }
  sinks_[++last_subscription_] = std::move(sink);
  return last_subscription_;
}

void PolicyPublisher::Unsubscribe(uint64_t subscription) {
  absl::MutexLock lock(&mutex_);
  sinks_.erase(subscription);
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
  return static_cast<int64_t>(sinks_.size());
}

void PolicyPublisher::SendAll(const SharedEvent& event) {
  for (const auto& [subscription, sink] : sinks_) {
    if (const std::shared_ptr<EventSink> receiver = sink.lock()) receiver->Send(event);
  }
}

}  // namespace armature
