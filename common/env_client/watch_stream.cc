#include "common/env_client/watch_stream.h"

#include "common/rpc/transport.h"

namespace armature {

WatchStream::WatchStream(v1::EnvService::Stub* stub, const v1::WatchRequest& request,
                         WakeSignal* signal)
    : request_(request), signal_(signal) {
  stub->async()->Watch(&context_, &request_, this);
  absl::MutexLock lock(&mutex_);
  AddHold();  // Until the last read, since reads start outside of gRPC's callbacks.
  StartRead(&incoming_);
  StartCall();
}

WatchStream::~WatchStream() {
  absl::MutexLock lock(&mutex_);
  closing_ = true;
  context_.TryCancel();
  if (!broken_ && !reading_) Break();
  mutex_.Await(absl::Condition(&done_));
}

bool WatchStream::follows() const {
  absl::MutexLock lock(&mutex_);
  return follows_;
}

WatchStream::Received WatchStream::Take() {
  absl::MutexLock lock(&mutex_);
  Received received;
  if (!reading_ && !broken_) {
    received.message.emplace().Swap(&incoming_);
    reading_ = true;
    StartRead(&incoming_);
  }
  if (done_) received.ended = status_;
  return received;
}

void WatchStream::OnReadInitialMetadataDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  follows_ = ok;
  signal_->Notify();
}

void WatchStream::OnReadDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  if (!ok) return Break();
  reading_ = closing_;
  if (reading_) return StartRead(&incoming_);
  signal_->Notify();
}

void WatchStream::OnDone(const grpc::Status& status) {
  absl::MutexLock lock(&mutex_);
  status_ = FromGrpc(status);
  done_ = true;
  signal_->Notify();
}

void WatchStream::Break() {
  reading_ = false;
  broken_ = true;
  RemoveHold();
}

}  // namespace armature
