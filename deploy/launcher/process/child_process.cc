#include "deploy/launcher/process/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace armature {
namespace {

// Longer lines are passed on in parts.
constexpr size_t kLineBytesMax = 8192;

absl::Status SystemError(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

// Runs between fork and exec: only async-signal-safe calls.
[[noreturn]] void BecomeChild(char* const* arguments, int output_fd, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // The parent died before the line above.
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  const int no_input = open("/dev/null", O_RDONLY);
  dup2(no_input, STDIN_FILENO);
  dup2(output_fd, STDOUT_FILENO);
  dup2(output_fd, STDERR_FILENO);
  execv(arguments[0], arguments);
  constexpr char kFailed[] = "the program cannot be executed\n";
  _exit(write(STDERR_FILENO, kFailed, sizeof(kFailed) - 1) > 0 ? 127 : 126);
}

}  // namespace

ChildProcess::ChildProcess(EventLoop* loop, OnLine on_line, OnExit on_exit)
    : loop_(loop), on_line_(std::move(on_line)), on_exit_(std::move(on_exit)) {}

ChildProcess::~ChildProcess() {
  if (running()) {
    Signal(SIGKILL);
    waitpid(pid_, nullptr, 0);
    loop_->Unwatch(pid_fd_);
    close(pid_fd_);
  }
  CloseOutput();
}

absl::Status ChildProcess::Start(const std::vector<std::string>& arguments,
                                 const std::string& log_path) {
  CloseOutput();
  partial_line_.clear();
  log_fd_ = open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log_fd_ < 0) return SystemError(absl::StrCat("cannot open ", log_path));
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return SystemError("cannot make a pipe");
  output_fd_ = ends[0];
  fcntl(output_fd_, F_SETFL, O_NONBLOCK);

  std::vector<char*> argument_list;
  for (const std::string& argument : arguments) {
    argument_list.push_back(const_cast<char*>(argument.c_str()));
  }
  argument_list.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) BecomeChild(argument_list.data(), ends[1], parent);
  close(ends[1]);
  if (pid < 0) return SystemError(absl::StrCat("cannot start ", arguments[0]));
  setpgid(pid, pid);  // Here too, since a signal may be sent before the child runs.
  pid_ = pid;
  pid_fd_ = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  loop_->Watch(pid_fd_, [this] { Reap(); });
  loop_->Watch(output_fd_, [this] { ReadOutput(); });
  return absl::OkStatus();
}

void ChildProcess::Signal(int signal) {
  if (running()) kill(-pid_, signal);
}

void ChildProcess::ReadOutput() {
  char part[4096];
  while (true) {
    const ssize_t n = read(output_fd_, part, sizeof(part));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      CloseOutput();
      return;
    }
    // A full disk must not stop the run; the line is passed on anyway.
    if (write(log_fd_, part, n) < 0) errno = 0;
    partial_line_.append(part, n);
    TakeLines();
  }
}

void ChildProcess::TakeLines() {
  size_t begin = 0;
  while (begin < partial_line_.size()) {
    const size_t end = partial_line_.find('\n', begin);
    const size_t rest = partial_line_.size() - begin;
    if (end == std::string::npos && rest < kLineBytesMax) break;
    const size_t length = end == std::string::npos ? rest : end - begin;
    const std::string line = partial_line_.substr(begin, length);
    begin += end == std::string::npos ? length : length + 1;
    if (line.empty()) continue;
    on_line_(line);
  }
  partial_line_.erase(0, begin);
}

void ChildProcess::Reap() {
  int wait_status = 0;
  if (waitpid(pid_, &wait_status, WNOHANG) != pid_) return;
  loop_->Unwatch(pid_fd_);
  close(pid_fd_);
  // Also kills what it left behind in its process group.
  kill(-pid_, SIGKILL);
  pid_ = 0;
  if (output_fd_ >= 0) ReadOutput();
  if (!partial_line_.empty()) {
    partial_line_ += '\n';
    TakeLines();
  }
  CloseOutput();
  on_exit_(wait_status);
}

void ChildProcess::CloseOutput() {
  if (output_fd_ >= 0) {
    loop_->Unwatch(output_fd_);
    close(output_fd_);
    output_fd_ = -1;
  }
  if (log_fd_ >= 0) {
    close(log_fd_);
    log_fd_ = -1;
  }
}

std::string DescribeExit(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    return absl::StrCat("was killed by signal ", WTERMSIG(wait_status));
  }
  return absl::StrCat("exited with status ", WEXITSTATUS(wait_status));
}

bool IsComplaint(const std::string& line) {
  return absl::StrContains(line, "[warning]") || absl::StrContains(line, "[error]") ||
         absl::StrContains(line, "[critical]");
}

}  // namespace armature
