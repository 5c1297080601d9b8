// A single-threaded event loop that waits for file descriptors and deadlines.
//
// Thread safety: Post may be called from any thread; everything else only from the thread that
// calls Run (callbacks run on it too).
#ifndef ARMATURE_DEPLOY_LAUNCHER_PROCESS_EVENT_LOOP_H_
#define ARMATURE_DEPLOY_LAUNCHER_PROCESS_EVENT_LOOP_H_

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace armature {

class EventLoop {
 public:
  using Callback = std::function<void()>;

  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Calls `callback` whenever `fd` is readable (or, with POLLOUT, writable) or has hung up, until
  // Unwatch or the next Watch.
  void Watch(int fd, Callback callback, short events = POLLIN);
  void Unwatch(int fd);

  // Calls `callback` once, after `delay` on a monotonic clock.
  void After(absl::Duration delay, Callback callback);

  // Runs `callback` soon, on the loop's thread.
  void Post(Callback callback);

  // Runs until Stop; returns at once if Stop was called before.
  void Run();
  void Stop() { running_ = false; }

 private:
  using Clock = std::chrono::steady_clock;

  void RunPosted();
  // Returns the milliseconds to the next deadline, -1 if there is none.
  int RunDue();

  const int wake_fd_;
  bool running_ = true;
  struct Watched {
    Callback callback;
    short events;
  };
  std::map<int, Watched> watched_;
  // Ordered by deadline; the number orders timers with the same deadline.
  std::map<std::pair<Clock::time_point, uint64_t>, Callback> timers_;
  uint64_t next_timer_ = 0;

  absl::Mutex mutex_;
  std::vector<Callback> posted_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_PROCESS_EVENT_LOOP_H_
