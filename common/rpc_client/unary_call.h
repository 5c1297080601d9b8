// One unary gRPC call in flight.
//
// Thread safety: all methods; `signal` is notified when the call has ended.
// Ownership: the destructor cancels the call and waits for its end, which is local and immediate.
// Lock order: mutex_, then the mutex of `signal`.
#ifndef ARMATURE_COMMON_RPC_CLIENT_UNARY_CALL_H_
#define ARMATURE_COMMON_RPC_CLIENT_UNARY_CALL_H_

#include <functional>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/rpc/transport.h"
#include "common/sync/wake_signal.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"

namespace armature {

template <typename Request, typename Response>
class UnaryCall final : public grpc::ClientUnaryReactor {
 public:
  // Binds the reactor to a method of a stub:
  // stub->async()->Method(context, request, response, reactor).
  using Binder = std::function<void(grpc::ClientContext*, const Request*, Response*,
                                    grpc::ClientUnaryReactor*)>;

  UnaryCall(const Binder& bind, Request request, absl::Duration timeout, WakeSignal* signal)
      : signal_(signal), request_(std::move(request)) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
    bind(&context_, &request_, &response_, this);
    absl::MutexLock lock(&mutex_);
    StartCall();
  }

  ~UnaryCall() override {
    absl::MutexLock lock(&mutex_);
    context_.TryCancel();
    mutex_.Await(absl::Condition(&done_));
  }

  // Returns the result once the call has ended, else nothing.
  std::optional<absl::StatusOr<Response>> Take() {
    absl::MutexLock lock(&mutex_);
    if (!done_) return std::nullopt;
    if (!status_.ok()) return status_;
    return std::move(response_);
  }

 private:
  void OnDone(const grpc::Status& status) override {
    absl::MutexLock lock(&mutex_);
    status_ = FromGrpc(status);
    done_ = true;
    signal_->Notify();
  }

  WakeSignal* const signal_;
  grpc::ClientContext context_;
  const Request request_;
  Response response_;  // Written by gRPC until done_.

  absl::Mutex mutex_;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_CLIENT_UNARY_CALL_H_
