// Blocks the calls of a hanging environment and lets a test follow them.
#ifndef ARMATURE_ENVSERVER_TESTING_HANG_GATE_H_
#define ARMATURE_ENVSERVER_TESTING_HANG_GATE_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace armature {

// Thread safety: all methods.
class HangGate {
 public:
  // Blocks until Open.
  void Pass();
  // Lets all calls continue, including later ones.
  void Open();
  // Returns once `calls` calls have arrived here.
  void WaitForWaiting(int64_t calls);
  // Waits until `environments` environments that had blocked here have been destroyed.
  void WaitForDestroyed(int64_t environments);
  // Waits until `environments` environments of any kind have been destroyed.
  void WaitForFreed(int64_t environments);
  void CountFreed(bool has_waited);

 private:
  absl::Mutex mutex_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t destroyed_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t freed_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TESTING_HANG_GATE_H_
