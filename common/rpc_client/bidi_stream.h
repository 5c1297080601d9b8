// Client side of a bidirectional gRPC stream: keeps received messages until they are taken, and
// queues messages to send.
//
// Data flow: Write -> wire; wire -> inbox -> Take. `signal` is notified whenever there is something
// new to take.
// Thread safety: all methods; gRPC callbacks never block.
// Bounds: holds at most `inbox_max` messages; the next read starts only when there is room. The
// caller limits what it writes.
// Ownership: the destructor cancels the stream and waits for its end, which is local and immediate.
// Lock order: mutex_, then the mutex of `signal`.
#ifndef ARMATURE_COMMON_RPC_CLIENT_BIDI_STREAM_H_
#define ARMATURE_COMMON_RPC_CLIENT_BIDI_STREAM_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/rpc/transport.h"
#include "common/sync/wake_signal.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"

namespace armature {

template <typename Request, typename Response>
class BidiStream final : public grpc::ClientBidiReactor<Request, Response> {
 public:
  // Binds the reactor to a method of a stub: stub->async()->Method(context, reactor).
  using Binder =
      std::function<void(grpc::ClientContext*, grpc::ClientBidiReactor<Request, Response>*)>;

  BidiStream(const Binder& bind, size_t inbox_max, WakeSignal* signal)
      : inbox_max_(inbox_max), signal_(signal) {
    bind(&context_, this);
    absl::MutexLock lock(&mutex_);
    // Held until the first failed read, since writes may start outside of gRPC callbacks.
    this->AddHold();
    this->StartRead(&incoming_);
    this->StartCall();
  }

  ~BidiStream() override {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
    context_.TryCancel();
    if (!broken_ && !reading_) Break();
    mutex_.Await(absl::Condition(&done_));
  }

  // Queues the message; drops it if the stream has ended.
  void Write(Request request) {
    absl::MutexLock lock(&mutex_);
    if (broken_ || half_closed_) return;
    outbox_.push_back(std::move(request));
    if (!writing_) WriteFront();
  }

  // Ends the sending side once the queue is sent.
  void HalfClose() {
    absl::MutexLock lock(&mutex_);
    if (broken_ || half_closed_) return;
    half_closed_ = true;
    if (!writing_) this->StartWritesDone();
  }

  struct Received {
    std::vector<Response> messages;
    // How the stream ended; set once all received messages have been taken.
    std::optional<absl::Status> ended;
  };
  Received Take() {
    absl::MutexLock lock(&mutex_);
    Received received;
    received.messages = std::move(inbox_);
    inbox_.clear();
    if (!reading_ && !broken_) {
      reading_ = true;
      this->StartRead(&incoming_);
    }
    if (done_) received.ended = status_;
    return received;
  }

 private:
  void OnReadDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    if (!ok) {
      Break();
      return;
    }
    inbox_.push_back(std::move(incoming_));
    reading_ = closing_ || inbox_.size() < inbox_max_;
    if (reading_) this->StartRead(&incoming_);
    signal_->Notify();
  }

  void OnWriteDone(bool /*ok*/) override {
    absl::MutexLock lock(&mutex_);
    outbox_.pop_front();
    writing_ = false;
    if (broken_) return;
    if (!outbox_.empty()) {
      WriteFront();
    } else if (half_closed_) {
      this->StartWritesDone();
    }
  }

  void OnDone(const grpc::Status& status) override {
    absl::MutexLock lock(&mutex_);
    status_ = FromGrpc(status);
    done_ = true;
    signal_->Notify();
  }

  void WriteFront() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    writing_ = true;
    this->StartWrite(&outbox_.front());
  }

  // No operation starts after this, so OnDone may run.
  void Break() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    reading_ = false;
    broken_ = true;
    this->RemoveHold();
  }

  const size_t inbox_max_;
  WakeSignal* const signal_;
  grpc::ClientContext context_;
  Response incoming_;  // Written by gRPC while reading_.

  absl::Mutex mutex_;
  std::vector<Response> inbox_ ABSL_GUARDED_BY(mutex_);
  std::deque<Request> outbox_ ABSL_GUARDED_BY(mutex_);  // The front one is being written.
  bool reading_ ABSL_GUARDED_BY(mutex_) = true;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_CLIENT_BIDI_STREAM_H_
