// One thread that waits for file descriptors and deadlines.
//
// Thread safety: Post may be called from any thread; the rest belongs to the
// thread that calls Run (and to callbacks, which run on it).
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

  // Calls back whenever `fd` can be read (or, with POLLOUT, written) or has hung up, until
  // Unwatch or the next Watch.
  void Watch(int fd, Callback callback, short events = POLLIN);
  void Unwatch(int fd);

  // Calls back once, after `delay` by a clock that nobody sets.
  void After(absl::Duration delay, Callback callback);

  // Runs `callback` soon, on the loop's thread.
  void Post(Callback callback);

  // Until Stop, which also counts if it came before.
  void Run();
  void Stop() { running_ = false; }

 private:
  using Clock = std::chrono::steady_clock;

  void RunPosted();
  // Milliseconds to the next deadline, -1 for none.
  int RunDue();

  const int wake_fd_;
  bool running_ = true;
  struct Watched {
    Callback callback;
    short events;
  };
  std::map<int, Watched> watched_;
  // Ordered by deadline; the number keeps those of one moment in order.
  std::map<std::pair<Clock::time_point, uint64_t>, Callback> timers_;
  uint64_t next_timer_ = 0;

  absl::Mutex mutex_;
  std::vector<Callback> posted_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_PROCESS_EVENT_LOOP_H_
