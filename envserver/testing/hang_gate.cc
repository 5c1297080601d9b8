#include "envserver/testing/hang_gate.h"

namespace armature {

void HangGate::Pass() {
  absl::MutexLock lock(&mutex_);
  ++waiting_;
  mutex_.Await(absl::Condition(&open_));
}

void HangGate::Open() {
  absl::MutexLock lock(&mutex_);
  open_ = true;
}

void HangGate::WaitForWaiting(int64_t calls) {
  absl::MutexLock lock(&mutex_);
  const auto reached = [this, calls] {
    mutex_.AssertReaderHeld();
    return waiting_ >= calls;
  };
  mutex_.Await(absl::Condition(&reached));
}

void HangGate::WaitForDestroyed(int64_t environments) {
  absl::MutexLock lock(&mutex_);
  const auto reached = [this, environments] {
    mutex_.AssertReaderHeld();
    return destroyed_ >= environments;
  };
  mutex_.Await(absl::Condition(&reached));
}

void HangGate::WaitForFreed(int64_t environments) {
  absl::MutexLock lock(&mutex_);
  const auto reached = [this, environments] {
    mutex_.AssertReaderHeld();
    return freed_ >= environments;
  };
  mutex_.Await(absl::Condition(&reached));
}

void HangGate::CountFreed(bool has_waited) {
  absl::MutexLock lock(&mutex_);
  ++freed_;
  if (has_waited) ++destroyed_;
}

}  // namespace armature
