// The learner's event stream: policies, evaluation requests, end of the run.
//
// Thread safety: all methods. `on_event` is called on gRPC's threads, one event at a time. The next
// event is read after it returns, so a slow actor skips versions.
// Ownership: the destructor cancels the stream and waits for its end.
// Lock order: mutex_, then the mutex of `signal`; on_event runs without mutex_.
#ifndef ARMATURE_ACTOR_LINK_POLICY_SUBSCRIPTION_H_
#define ARMATURE_ACTOR_LINK_POLICY_SUBSCRIPTION_H_

#include <functional>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/sync/wake_signal.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"
#include "proto/learner_service.grpc.pb.h"

namespace armature {

class PolicySubscription final : public grpc::ClientReadReactor<v1::LearnerEvent> {
 public:
  using OnEvent = std::function<void(const v1::LearnerEvent&)>;

  PolicySubscription(v1::LearnerService::Stub* stub, const v1::SubscribeRequest& request,
                     OnEvent on_event, WakeSignal* signal);
  ~PolicySubscription() override;

  // How the stream ended, or nothing if it has not.
  std::optional<absl::Status> ended() const;

 private:
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  const v1::SubscribeRequest request_;
  const OnEvent on_event_;
  WakeSignal* const signal_;
  grpc::ClientContext context_;
  v1::LearnerEvent incoming_;  // Written by gRPC between callbacks.

  mutable absl::Mutex mutex_;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_LINK_POLICY_SUBSCRIPTION_H_
