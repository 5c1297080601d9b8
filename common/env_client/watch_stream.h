// A viewer's stream of one slot: what an env server's Watch sends.
//
// Data flow: wire -> one waiting message -> Take. `signal` is notified when there is something new.
// Thread safety: all methods; gRPC callbacks never block.
// Bounds: the next message is read when the last one is taken; the server drops frames meanwhile
// (all but the last one of an episode, and the newest).
// Ownership: the destructor cancels the stream and waits for its end, which is local and immediate.
// Lock order: mutex_, then the mutex of `signal`.
#ifndef ARMATURE_COMMON_ENV_CLIENT_WATCH_STREAM_H_
#define ARMATURE_COMMON_ENV_CLIENT_WATCH_STREAM_H_

#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/sync/wake_signal.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"
#include "proto/env_service.grpc.pb.h"

namespace armature {

class WatchStream final : public grpc::ClientReadReactor<v1::WatchResponse> {
 public:
  // Pointers must outlive this.
  WatchStream(v1::EnvService::Stub* stub, const v1::WatchRequest& request, WakeSignal* signal);
  ~WatchStream() override;

  // Whether the server follows the slot: the next step or reset will be shown.
  bool follows() const;

  struct Received {
    std::optional<v1::WatchResponse> message;
    // How the stream ended; set once the last message has been taken. OK: the session has ended.
    std::optional<absl::Status> ended;
  };
  Received Take();

 private:
  void OnReadInitialMetadataDone(bool ok) override;
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;
  // No read starts after this, so OnDone may run.
  void Break() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const v1::WatchRequest request_;
  WakeSignal* const signal_;
  grpc::ClientContext context_;
  v1::WatchResponse incoming_;  // Written by gRPC while reading_.

  mutable absl::Mutex mutex_;
  bool follows_ ABSL_GUARDED_BY(mutex_) = false;
  bool reading_ ABSL_GUARDED_BY(mutex_) = true;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_COMMON_ENV_CLIENT_WATCH_STREAM_H_
