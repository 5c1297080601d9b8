#include "deploy/verbs/env_server_process.h"

#include <signal.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"

namespace armature {

EnvServerProcess::EnvServerProcess(EventLoop* loop, Callbacks callbacks)
    : loop_(loop),
      callbacks_(std::move(callbacks)),
      process_(
          loop,
          [this](const std::string& line) {
            last_words_ = line;
            if (!stopping_ && IsComplaint(line)) callbacks_.on_complaint(line);
          },
          [this](int wait_status) { OnExit(wait_status); }) {}

EnvServerProcess::~EnvServerProcess() {
  if (inotify_fd_ >= 0) {
    loop_->Unwatch(inotify_fd_);
    close(inotify_fd_);
  }
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

absl::Status EnvServerProcess::Start(std::vector<std::string> arguments,
                                     absl::Duration ready_timeout) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::temp_directory_path(error);
  std::string folder = (parent / "armature-XXXXXX").string();
  if (error || mkdtemp(folder.data()) == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("cannot make a folder for the env server's files in ", parent.string()));
  }
  folder_ = folder;
  inotify_fd_ = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (inotify_fd_ < 0 || inotify_add_watch(inotify_fd_, folder_.c_str(), IN_MOVED_TO) < 0) {
    return absl::UnavailableError(absl::StrCat("cannot watch ", folder_));
  }
  loop_->Watch(inotify_fd_, [this] { OnFiles(); });
  arguments.insert(arguments.end(), {"--port_file", folder_ + "/port"});
  if (absl::Status status = process_.Start(arguments, folder_ + "/log"); !status.ok()) {
    return status;
  }
  loop_->After(ready_timeout, [this, ready_timeout] {
    if (told_ready_ || stopping_) return;
    told_ready_ = true;
    callbacks_.on_ready(absl::UnavailableError(
        absl::StrCat("the env server is not ready within ", absl::FormatDuration(ready_timeout),
                     last_words_.empty() ? "" : "; its last line: ", last_words_)));
  });
  return absl::OkStatus();
}

void EnvServerProcess::OnFiles() {
  alignas(inotify_event) char events[4096];
  while (read(inotify_fd_, events, sizeof(events)) > 0) {
  }
  const absl::StatusOr<PortFile> ports = ReadPortFile(folder_ + "/port");
  if (told_ready_ || stopping_ || !ports.ok()) return;
  told_ready_ = true;
  callbacks_.on_ready(ports->rpc_address);
}

void EnvServerProcess::OnExit(int wait_status) {
  absl::Status status;
  if (!stopping_) {
    status = absl::UnavailableError(
        absl::StrCat("the env server ", DescribeExit(wait_status), ": ", last_words_));
    if (!std::exchange(told_ready_, true)) callbacks_.on_ready(status);
  }
  callbacks_.on_end(status);
}

void EnvServerProcess::Stop() {
  if (std::exchange(stopping_, true)) return;
  if (!process_.running()) {
    callbacks_.on_end(absl::OkStatus());
    return;
  }
  process_.Signal(SIGTERM);
  loop_->After(kStopWithin, [this] { process_.Signal(SIGKILL); });
}

}  // namespace armature
