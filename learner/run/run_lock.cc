#include "learner/run/run_lock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

constexpr int kKilledEndsWithinMs = 2000;

struct flock WholeFile() {
  struct flock range = {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  return range;
}

bool SetLock(int descriptor) {
  struct flock range = WholeFile();
  return fcntl(descriptor, F_OFD_SETLK, &range) == 0;
}

bool IsHeldByAnother(int error) { return error == EAGAIN || error == EACCES; }

absl::Status CannotWrite(const std::string& path) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat("cannot write ", path));
}

std::string HostName() {
  std::array<char, HOST_NAME_MAX + 1> host = {};
  gethostname(host.data(), host.size() - 1);
  return host.data();
}

// The holder of the lock, from its file: "PROCESS HOST". It may not have written it yet.
struct Owner {
  int pid = 0;
  std::string host;
};
Owner ReadOwner(int descriptor) {
  std::array<char, 512> text;
  const ssize_t size = pread(descriptor, text.data(), text.size(), 0);
  const std::pair<absl::string_view, absl::string_view> words = absl::StrSplit(
      absl::StripAsciiWhitespace(absl::string_view(text.data(), size > 0 ? size : 0)),
      absl::MaxSplits(' ', 1));
  Owner owner;
  if (absl::SimpleAtoi(words.first, &owner.pid)) owner.host = std::string(words.second);
  return owner;
}

absl::Status HeldBy(const Owner& owner, const std::string& run_dir) {
  const std::string who = owner.host.empty()
                              ? "another process"
                              : absl::StrCat("process ", owner.pid, " on ", owner.host);
  return absl::FailedPreconditionError(
      absl::StrCat("run ", run_dir, " is held by ", who, "; stop that one, or wait for its end"));
}

// Whether the holder ends in time: if it was just killed, perhaps with its launcher, it may still
// be freeing its memory.
bool ComesToItsEnd(const Owner& owner) {
  if (owner.pid == getpid() || owner.host != HostName()) return false;
  // glibc 2.36 declares pidfd_open only for C.
  const int process = static_cast<int>(syscall(SYS_pidfd_open, owner.pid, 0));
  if (process < 0) return errno == ESRCH;
  pollfd ended = {process, POLLIN, 0};
  const bool has_ended = poll(&ended, 1, kKilledEndsWithinMs) == 1;
  close(process);
  return has_ended;
}

absl::Status WriteOwner(const std::string& path, int descriptor) {
  const std::string owner = absl::StrCat(getpid(), " ", HostName(), "\n");
  const bool written =
      ftruncate(descriptor, 0) == 0 &&
      pwrite(descriptor, owner.data(), owner.size(), 0) == static_cast<ssize_t>(owner.size());
  return written ? absl::OkStatus() : CannotWrite(path);
}

}  // namespace

absl::StatusOr<RunLock> RunLock::Take(const std::string& run_dir, const std::string& file) {
  const std::string path = absl::StrCat(run_dir, "/", file);
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return CannotWrite(path);
  RunLock lock(descriptor);
  for (bool waited = false; !SetLock(descriptor); waited = true) {
    if (IsHeldByAnother(errno)) {
      const Owner owner = ReadOwner(descriptor);
      if (waited || !ComesToItsEnd(owner)) return HeldBy(owner, run_dir);
      continue;
    }
    spdlog::warn("{} cannot be locked ({}): nothing keeps a second process from this run", path,
                 std::strerror(errno));
    break;
  }
  if (absl::Status status = WriteOwner(path, descriptor); !status.ok()) return status;
  return lock;
}

absl::Status RunLock::CheckFree(const std::string& run_dir, const std::string& file) {
  const int descriptor = open(absl::StrCat(run_dir, "/", file).c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return absl::OkStatus();  // It was never locked.
  const RunLock closed(descriptor);
  struct flock range = WholeFile();
  if (fcntl(descriptor, F_OFD_GETLK, &range) != 0 || range.l_type == F_UNLCK) {
    return absl::OkStatus();
  }
  const Owner owner = ReadOwner(descriptor);
  return ComesToItsEnd(owner) ? absl::OkStatus() : HeldBy(owner, run_dir);
}

RunLock::RunLock(RunLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

RunLock::~RunLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace armature
