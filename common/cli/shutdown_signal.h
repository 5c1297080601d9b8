// Turns SIGINT, SIGTERM and SIGHUP into a shutdown event that threads can wait for.
//
//   int main() {
//     ShutdownSignal shutdown;      // First: later threads inherit its mask.
//     ...
//     shutdown.Wait();              // Or OnRequest(callback).
//   }
//
// A second SIGINT or SIGTERM ends the process at once with that signal's exit status, or runs the
// OnRepeat callback. SIGHUP requests shutdown but never counts towards this: a closing terminal
// sends it more than once, without the user having lost patience. If SIGHUP is already ignored, as
// under nohup, it stays ignored. SIGPIPE is ignored. Create one object per process.
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
  // Afterwards no callback is running, and none will run.
  ~ShutdownSignal();
  ShutdownSignal(const ShutdownSignal&) = delete;
  ShutdownSignal& operator=(const ShutdownSignal&) = delete;

  // Requests shutdown, like a first signal.
  void Request();
  bool requested() const;
  // The first signal received; 0 if none, or if Request was called instead.
  int signal() const;
  void Wait() const;
  // Returns whether shutdown was requested within `timeout`.
  bool WaitFor(absl::Duration timeout) const;
  // Runs `callback` once, on the signal thread or on the thread that calls Request; if shutdown was
  // already requested, immediately on this thread. `callback` may call only requested() and
  // signal() on this object.
  void OnRequest(std::function<void()> callback);
  // Makes a second SIGINT or SIGTERM run `callback` on the signal thread instead of ending the
  // process; a third one then ends the process. The same calls are allowed as in OnRequest.
  void OnRepeat(std::function<void()> callback);

 private:
  void Watch();
  void Handle(int signal);
  void Tell();  // Wakes the waiting threads and runs the callbacks.

  const sigset_t signals_;
  const int signal_fd_;
  const int stop_fd_;
  mutable absl::Mutex mutex_;
  mutable SteadyCondVar changed_;  // Signals changes of requested_.
  bool requested_ ABSL_GUARDED_BY(mutex_) = false;
  int signal_ ABSL_GUARDED_BY(mutex_) = 0;
  bool asked_ ABSL_GUARDED_BY(mutex_) = false;  // SIGINT, SIGTERM or Request came.
  std::function<void()> on_repeat_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::function<void()>> callbacks_ ABSL_GUARDED_BY(mutex_);
  std::thread watcher_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_CLI_SHUTDOWN_SIGNAL_H_
