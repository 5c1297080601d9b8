// One thread that waits for file descriptors and deadlines.
//
// Thread safety: Post may be called from any thread; the rest belongs to the
// thread that calls Run (and to callbacks, which run on it).
#ifndef ARMATURE_DEPLOY_LAUNCHER_EVENT_LOOP_H_
#define ARMATURE_DEPLOY_LAUNCHER_EVENT_LOOP_H_

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

  // Calls back whenever `fd` can be read or has hung up, until Unwatch.
  void Watch(int fd, Callback callback);
  void Unwatch(int fd);

  // Calls back once, after `delay`.
  void After(absl::Duration delay, Callback callback);

  // Runs `callback` soon, on the loop's thread.
  void Post(Callback callback);

  // Until Stop, which also counts if it came before.
  void Run();
  void Stop() { running_ = false; }

 private:
  void RunPosted();
  // Milliseconds to the next deadline, -1 for none.
  int RunDue();

  const int wake_fd_;
  bool running_ = true;
  std::map<int, Callback> watched_;
  // Ordered by deadline; the number keeps those of one moment in order.
  std::map<std::pair<absl::Time, uint64_t>, Callback> timers_;
  uint64_t next_timer_ = 0;

  absl::Mutex mutex_;
  std::vector<Callback> posted_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_EVENT_LOOP_H_
