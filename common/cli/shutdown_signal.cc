#include "common/cli/shutdown_signal.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

namespace armature {
namespace {

sigset_t ShutdownSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

int OpenSignalFd() {
  const sigset_t signals = ShutdownSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_CLOEXEC);
}

}  // namespace

ShutdownSignal::ShutdownSignal() : signal_fd_(OpenSignalFd()), stop_fd_(eventfd(0, EFD_CLOEXEC)) {
  ::signal(SIGPIPE, SIG_IGN);
  watcher_ = std::thread([this] { Watch(); });
}

ShutdownSignal::~ShutdownSignal() {
  eventfd_write(stop_fd_, 1);
  watcher_.join();
  close(stop_fd_);
  close(signal_fd_);
}

void ShutdownSignal::Watch() {
  while (true) {
    pollfd fds[] = {{stop_fd_, POLLIN, 0}, {signal_fd_, POLLIN, 0}};
    if (poll(fds, 2, -1) < 0) continue;  // EINTR.
    if (fds[0].revents != 0) return;
    signalfd_siginfo received;
    if (read(signal_fd_, &received, sizeof(received)) != sizeof(received)) continue;
    if (requested()) {
      ::signal(static_cast<int>(received.ssi_signo), SIG_DFL);
      const sigset_t signals = ShutdownSignals();
      pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
      raise(static_cast<int>(received.ssi_signo));
    }
    {
      absl::MutexLock lock(&mutex_);
      signal_ = static_cast<int>(received.ssi_signo);
    }
    Request();
  }
}

void ShutdownSignal::Request() {
  std::vector<std::function<void()>> callbacks;
  {
    absl::MutexLock lock(&mutex_);
    requested_ = true;
    callbacks.swap(callbacks_);
  }
  for (const auto& callback : callbacks) callback();
}

bool ShutdownSignal::requested() const {
  absl::MutexLock lock(&mutex_);
  return requested_;
}

int ShutdownSignal::signal() const {
  absl::MutexLock lock(&mutex_);
  return signal_;
}

void ShutdownSignal::Wait() const { WaitFor(absl::InfiniteDuration()); }

bool ShutdownSignal::WaitFor(absl::Duration timeout) const {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&requested_), timeout);
}

void ShutdownSignal::OnRequest(std::function<void()> callback) {
  {
    absl::MutexLock lock(&mutex_);
    if (!requested_) {
      callbacks_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

}  // namespace armature
