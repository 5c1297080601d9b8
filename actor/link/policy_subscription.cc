#include "actor/link/policy_subscription.h"

#include <utility>

#include "common/rpc/transport.h"

namespace armature {

PolicySubscription::PolicySubscription(v1::LearnerService::Stub* stub,
                                       const v1::SubscribeRequest& request, OnEvent on_event,
                                       WakeSignal* signal)
    : request_(request), on_event_(std::move(on_event)), signal_(signal) {
  stub->async()->Subscribe(&context_, &request_, this);
  absl::MutexLock lock(&mutex_);
  StartRead(&incoming_);
  StartCall();
}

PolicySubscription::~PolicySubscription() {
  absl::MutexLock lock(&mutex_);
  context_.TryCancel();
  mutex_.Await(absl::Condition(&done_));
}

std::optional<absl::Status> PolicySubscription::ended() const {
  absl::MutexLock lock(&mutex_);
  if (!done_) return std::nullopt;
  return status_;
}

void PolicySubscription::OnReadDone(bool ok) {
  if (!ok) return;
  {
    absl::MutexLock lock(&mutex_);  // Orders the constructor before the first event.
  }
  on_event_(incoming_);
  signal_->Notify();
  StartRead(&incoming_);
}

void PolicySubscription::OnDone(const grpc::Status& status) {
  absl::MutexLock lock(&mutex_);
  status_ = FromGrpc(status);
  done_ = true;
  signal_->Notify();
}

}  // namespace armature
