// The member's end of a Join call: what replica 0 said, and whether it is still there.
//
// Thread safety: all methods. Lock order: this lock before the WakeSignal's.
// Ownership: shared with gRPC until the call ends.
#ifndef ARMATURE_LEARNER_REPLICAS_MEMBERSHIP_H_
#define ARMATURE_LEARNER_REPLICAS_MEMBERSHIP_H_

#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/sync/steady_time.h"
#include "common/sync/wake_signal.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"
#include "proto/replica_service.grpc.pb.h"

namespace armature {

class Membership : public grpc::ClientReadReactor<v1::ReplicaEvent> {
 public:
  // Starts the call. Every change notifies `trainer` until Abandon.
  static std::shared_ptr<Membership> Start(v1::ReplicaService::Stub* stub,
                                           const v1::JoinReplicasRequest& request,
                                           WakeSignal* trainer);

  // Returns the welcome, once. Returns Unavailable, and gives up the call, if it did not come
  // before `deadline`; Cancelled if the run is over; otherwise the status the call ended with.
  absl::StatusOr<v1::ReplicaWelcome> AwaitWelcome(absl::Time deadline);

  // Ends the call; `trainer` is not used any more.
  void Abandon();
  // Ends the call.
  void Cancel() { context_.TryCancel(); }
  bool is_over() const;      // Whether the call has ended.
  bool run_is_over() const;  // Whether replica 0 said so.

 private:
  explicit Membership(WakeSignal* trainer) : trainer_(trainer) {}

  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;
  void Wake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    changed_.NotifyAll();
    if (trainer_ != nullptr) trainer_->Notify();
  }
  bool IsAnswered() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return welcome_.has_value() || run_is_over_ || end_.has_value();
  }

  std::shared_ptr<Membership> self_;  // Until OnDone.
  grpc::ClientContext context_;
  v1::JoinReplicasRequest request_;
  v1::ReplicaEvent event_;  // For the read in flight.

  mutable absl::Mutex mutex_;
  SteadyCondVar changed_;
  WakeSignal* trainer_ ABSL_GUARDED_BY(mutex_);
  std::optional<v1::ReplicaWelcome> welcome_ ABSL_GUARDED_BY(mutex_);
  bool run_is_over_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLICAS_MEMBERSHIP_H_
