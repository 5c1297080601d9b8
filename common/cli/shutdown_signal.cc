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

bool IsIgnored(int signal) {
  struct sigaction action = {};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

sigset_t ShutdownSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  if (!IsIgnored(SIGHUP)) sigaddset(&signals, SIGHUP);
  return signals;
}

int OpenSignalFd(const sigset_t& signals) {
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_CLOEXEC);
}

}  // namespace

ShutdownSignal::ShutdownSignal()
    : signals_(ShutdownSignals()),
      signal_fd_(OpenSignalFd(signals_)),
      stop_fd_(eventfd(0, EFD_CLOEXEC)) {
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
    Handle(static_cast<int>(received.ssi_signo));
  }
}

void ShutdownSignal::Handle(int signal) {
  bool is_repeat = false;
  std::function<void()> on_repeat;
  {
    absl::MutexLock lock(&mutex_);
    if (signal_ == 0 && !requested_) signal_ = signal;
    if (signal != SIGHUP) is_repeat = std::exchange(asked_, true);
    if (is_repeat) on_repeat = std::exchange(on_repeat_, nullptr);
  }
  if (!is_repeat) {
    Tell();
  } else if (on_repeat != nullptr) {
    on_repeat();
  } else {
    ::signal(signal, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
    raise(signal);
  }
}

void ShutdownSignal::Request() {
  {
    absl::MutexLock lock(&mutex_);
    asked_ = true;
  }
  Tell();
}

void ShutdownSignal::Tell() {
  std::vector<std::function<void()>> callbacks;
  {
    absl::MutexLock lock(&mutex_);
    requested_ = true;
    changed_.NotifyAll();
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
  const absl::Time deadline = SteadyTime() + timeout;
  while (!requested_ && SteadyTime() < deadline) changed_.WaitUntil(&mutex_, deadline);
  return requested_;
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

void ShutdownSignal::OnRepeat(std::function<void()> callback) {
  absl::MutexLock lock(&mutex_);
  on_repeat_ = std::move(callback);
}

}  // namespace armature
