#include "envserver/service/deadline_timer.h"

#include <chrono>
#include <utility>

namespace armature {

absl::Duration SteadyNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

DeadlineTimer::DeadlineTimer(Clock clock) : clock_(std::move(clock)) {
  thread_ = std::thread([this] { Run(); });
}

DeadlineTimer::~DeadlineTimer() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void DeadlineTimer::Schedule(absl::Duration deadline, std::function<void()> function) {
  absl::MutexLock lock(&mutex_);
  const auto entry = scheduled_.emplace(deadline, std::move(function));
  if (entry == scheduled_.begin()) changed_.NotifyAll();
}

void DeadlineTimer::Wake() {
  absl::MutexLock lock(&mutex_);
  changed_.NotifyAll();
}

void DeadlineTimer::Run() {
  absl::MutexLock lock(&mutex_);
  while (!stopping_) {
    if (scheduled_.empty()) {
      changed_.WaitUntil(&mutex_, absl::InfiniteFuture());
      continue;
    }
    const auto first = scheduled_.begin();
    const absl::Duration left = first->first - clock_();
    if (left > absl::ZeroDuration()) {
      changed_.WaitFor(&mutex_, left);
      continue;
    }
    {
      std::function<void()> function = std::move(first->second);
      scheduled_.erase(first);
      mutex_.Unlock();
      function();
      function = nullptr;  // Destroys what it captured outside the lock.
      mutex_.Lock();
    }
  }
}

}  // namespace armature
