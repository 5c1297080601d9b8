#include "deploy/launcher/process/event_loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

namespace armature {

EventLoop::EventLoop() : wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

EventLoop::~EventLoop() { close(wake_fd_); }

void EventLoop::Watch(int fd, Callback callback, short events) {
  watched_[fd] = {std::move(callback), events};
}

void EventLoop::Unwatch(int fd) { watched_.erase(fd); }

void EventLoop::After(absl::Duration delay, Callback callback) {
  timers_[{Clock::now() + absl::ToChronoNanoseconds(delay), next_timer_++}] = std::move(callback);
}

void EventLoop::Post(Callback callback) {
  {
    absl::MutexLock lock(&mutex_);
    posted_.push_back(std::move(callback));
  }
  eventfd_write(wake_fd_, 1);
}

void EventLoop::Run() {
  while (running_) {
    const int timeout_ms = RunDue();
    if (!running_) break;
    std::vector<pollfd> fds = {{wake_fd_, POLLIN, 0}};
    for (const auto& [fd, watched] : watched_) fds.push_back({fd, watched.events, 0});
    if (poll(fds.data(), fds.size(), timeout_ms) <= 0) continue;
    if (fds[0].revents != 0) RunPosted();
    for (size_t i = 1; i < fds.size() && running_; ++i) {
      // A callback may have removed a later watch.
      const auto watched = watched_.find(fds[i].fd);
      if (fds[i].revents == 0 || watched == watched_.end()) continue;
      const Callback callback = watched->second.callback;
      callback();
    }
  }
  running_ = true;
}

void EventLoop::RunPosted() {
  eventfd_t ignored;
  eventfd_read(wake_fd_, &ignored);
  std::vector<Callback> posted;
  {
    absl::MutexLock lock(&mutex_);
    posted.swap(posted_);
  }
  for (const Callback& callback : posted) callback();
}

int EventLoop::RunDue() {
  while (running_ && !timers_.empty()) {
    const auto next = timers_.begin();
    const Clock::duration left = next->first.first - Clock::now();
    if (left > Clock::duration::zero()) {
      // Rounded up, so that the last millisecond is not spent spinning.
      const int64_t left_ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
      return static_cast<int>(std::min<int64_t>(left_ms, 60000));
    }
    const Callback callback = std::move(next->second);
    timers_.erase(next);
    callback();
  }
  return -1;
}

}  // namespace armature
