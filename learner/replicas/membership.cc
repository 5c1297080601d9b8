#include "learner/replicas/membership.h"

#include <utility>

#include "common/rpc/transport.h"

namespace armature {

std::shared_ptr<Membership> Membership::Start(v1::ReplicaService::Stub* stub,
                                              const v1::JoinReplicasRequest& request,
                                              WakeSignal* trainer) {
  std::shared_ptr<Membership> membership(new Membership(trainer));
  membership->self_ = membership;
  membership->request_ = request;
  stub->async()->Join(&membership->context_, &membership->request_, membership.get());
  membership->StartRead(&membership->event_);
  membership->StartCall();
  return membership;
}

absl::StatusOr<v1::ReplicaWelcome> Membership::AwaitWelcome(absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  while (!IsAnswered() && SteadyTime() < deadline) changed_.WaitUntil(&mutex_, deadline);
  if (!IsAnswered()) {
    context_.TryCancel();
    return absl::UnavailableError("replica 0 has not let this replica join");
  }
  if (welcome_) return *std::move(welcome_);
  return run_is_over_ ? absl::CancelledError("the run is over") : *end_;
}

void Membership::Abandon() {
  {
    absl::MutexLock lock(&mutex_);
    trainer_ = nullptr;
  }
  Cancel();
}

bool Membership::is_over() const {
  absl::MutexLock lock(&mutex_);
  return end_.has_value();
}

bool Membership::run_is_over() const {
  absl::MutexLock lock(&mutex_);
  return run_is_over_;
}

void Membership::OnReadDone(bool ok) {
  if (!ok) return;  // OnDone follows.
  {
    absl::MutexLock lock(&mutex_);
    if (event_.has_welcome()) welcome_ = std::move(*event_.mutable_welcome());
    run_is_over_ |= event_.has_run_over();
    Wake();
  }
  StartRead(&event_);
}

void Membership::OnDone(const grpc::Status& status) {
  {
    absl::MutexLock lock(&mutex_);
    end_ = status.ok() ? absl::UnavailableError("replica 0 ended the call") : FromGrpc(status);
    Wake();
  }
  const std::shared_ptr<Membership> self = std::move(self_);
}

}  // namespace armature
