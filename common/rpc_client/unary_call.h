// Unary gRPC calls. StartUnaryCall passes the answer to a callback; UnaryCall keeps it until Take
// or Await.
#ifndef ARMATURE_COMMON_RPC_CLIENT_UNARY_CALL_H_
#define ARMATURE_COMMON_RPC_CLIENT_UNARY_CALL_H_

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/rpc/transport.h"
#include "common/sync/wake_signal.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"

namespace armature {

// A method of a stub, e.g. &v1::EnvService::Stub::async_interface::Describe.
template <typename Stub, typename Request, typename Response>
using UnaryMethod = void (Stub::async_interface::*)(grpc::ClientContext*, const Request*, Response*,
                                                    std::function<void(grpc::Status)>);

// Starts a call. `on_answer` is called exactly once, on a gRPC thread. Use the returned context to
// cancel the call.
template <typename Request, typename Response, typename Stub>
std::shared_ptr<grpc::ClientContext> StartUnaryCall(
    Stub* stub, UnaryMethod<Stub, Request, Response> method, Request request,
    absl::Duration timeout, std::function<void(absl::StatusOr<Response>)> on_answer) {
  // The callback keeps this alive until it has run.
  struct Call {
    grpc::ClientContext context;
    Request request;
    Response response;
  };
  const auto call = std::make_shared<Call>();
  call->request = std::move(request);
  call->context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  (stub->async()->*method)(&call->context, &call->request, &call->response,
                           [call, on_answer = std::move(on_answer)](const grpc::Status& status) {
                             if (status.ok()) {
                               on_answer(std::move(call->response));
                             } else {
                               on_answer(FromGrpc(status));
                             }
                           });
  return {call, &call->context};
}

// One unary call in flight.
//
// Thread safety: all methods; `signal` is notified when the answer arrives.
// Ownership: the destructor cancels the call and waits for its end, which is local and immediate.
// Lock order: mutex_, then the mutex of `signal`.
template <typename Request, typename Response>
class UnaryCall {
 public:
  template <typename Stub>
  UnaryCall(Stub* stub, UnaryMethod<Stub, Request, Response> method, Request request,
            absl::Duration timeout, WakeSignal* signal)
      : signal_(signal),
        context_(StartUnaryCall<Request, Response>(
            stub, method, std::move(request), timeout,
            [this](absl::StatusOr<Response> answer) { OnAnswer(std::move(answer)); })) {}
  UnaryCall(const UnaryCall&) = delete;
  UnaryCall& operator=(const UnaryCall&) = delete;

  ~UnaryCall() {
    context_->TryCancel();
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&done_));
  }

  // Returns the answer once it has arrived; only the first such call gets it.
  std::optional<absl::StatusOr<Response>> Take() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(answer_, std::nullopt);
  }

  // Waits for the answer. Calls `gives_up` first and whenever `signal` is notified, and returns
  // nullopt if it returns true.
  std::optional<absl::StatusOr<Response>> Await(const std::function<bool()>& gives_up) {
    for (;;) {
      if (auto answer = Take()) return answer;
      if (gives_up()) return std::nullopt;
      signal_->WaitUntil(absl::InfiniteFuture());  // The call has its own deadline.
    }
  }

  // Cancels the call; its answer is then Cancelled, immediately.
  void Cancel() { context_->TryCancel(); }

 private:
  void OnAnswer(absl::StatusOr<Response> answer) {
    absl::MutexLock lock(&mutex_);
    answer_ = std::move(answer);
    done_ = true;
    signal_->Notify();
  }

  WakeSignal* const signal_;

  absl::Mutex mutex_;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::StatusOr<Response>> answer_ ABSL_GUARDED_BY(mutex_);

  const std::shared_ptr<grpc::ClientContext> context_;  // Last: it starts the call.
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_CLIENT_UNARY_CALL_H_
