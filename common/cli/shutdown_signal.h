// SIGINT, SIGTERM and SIGHUP as an event that threads wait for.
//
//   int main() {
//     ShutdownSignal shutdown;      // First: later threads inherit its mask.
//     ...
//     shutdown.Wait();              // Or OnRequest(callback).
//   }
//
// A second SIGINT or SIGTERM ends the process at once with the signal's own status, or
// does what OnRepeat says. SIGHUP is never the second, nor the first of two: a terminal
// that closes sends it more than once, and nobody has lost patience. Under nohup, which
// has it ignored, it stays ignored. SIGPIPE is ignored. One object a process.
// Thread safety: all methods.
#ifndef ARMATURE_COMMON_CLI_SHUTDOWN_SIGNAL_H_
#define ARMATURE_COMMON_CLI_SHUTDOWN_SIGNAL_H_

#include <signal.h>

#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/sync/steady_time.h"

namespace armature {

class ShutdownSignal {
 public:
  ShutdownSignal();
  // Callbacks have returned or will not run.
  ~ShutdownSignal();
  ShutdownSignal(const ShutdownSignal&) = delete;
  ShutdownSignal& operator=(const ShutdownSignal&) = delete;

  // As a first signal does.
  void Request();
  bool requested() const;
  // The one that came first; 0: none, or Request was.
  int signal() const;
  void Wait() const;
  // Whether shutdown was requested within `timeout`.
  bool WaitFor(absl::Duration timeout) const;
  // Runs `callback` once, on the signal thread or on the one that called
  // Request; here and now if shutdown was requested before. May call nothing of
  // this object but requested() and signal().
  void OnRequest(std::function<void()> callback);
  // Has a second SIGINT or SIGTERM run `callback`, on the signal thread, in place of
  // ending the process, which a third one does then. May call what OnRequest's may.
  void OnRepeat(std::function<void()> callback);

 private:
  void Watch();
  void Handle(int signal);
  void Tell();  // Those that wait, and the callbacks.

  const sigset_t signals_;
  const int signal_fd_;
  const int stop_fd_;
  mutable absl::Mutex mutex_;
  mutable SteadyCondVar changed_;  // Of requested_.
  bool requested_ ABSL_GUARDED_BY(mutex_) = false;
  int signal_ ABSL_GUARDED_BY(mutex_) = 0;
  bool asked_ ABSL_GUARDED_BY(mutex_) = false;  // By SIGINT, SIGTERM or Request.
  std::function<void()> on_repeat_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::function<void()>> callbacks_ ABSL_GUARDED_BY(mutex_);
  std::thread watcher_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_CLI_SHUTDOWN_SIGNAL_H_
