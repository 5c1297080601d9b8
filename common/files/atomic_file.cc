#include "common/files/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace armature {
namespace {

constexpr char kTemporary[] = ".tmp";
// Bytes between syncs. A slow disk needs seconds for this many; a fast disk hardly waits.
constexpr int64_t kUnsyncedBytesMax = 64 << 20;
constexpr size_t kReadBytesMin = 4096;

// Converts errno to a status: "cannot <what> <path>: <reason>".
absl::Status SystemError(absl::string_view what, const std::string& path) {
  const int error = errno;
  const std::string context = absl::StrCat("cannot ", what, " ", path);
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    return absl::ResourceExhaustedError(absl::ErrnoToStatus(error, context).message());
  }
  return absl::ErrnoToStatus(error, context);
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status SyncFolder(const std::string& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return SystemError("open", folder);
  const int result = fsync(descriptor);
  const absl::Status status = result == 0 ? absl::OkStatus() : SystemError("sync", folder);
  close(descriptor);
  return status;
}

}  // namespace

absl::StatusOr<AtomicFile> AtomicFile::Open(const std::string& path) {
  std::string temporary = absl::StrCat(path, ".", getpid(), kTemporary);
  const int descriptor = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) return SystemError("write", path);
  return AtomicFile(path, std::move(temporary), descriptor);
}

AtomicFile::AtomicFile(std::string path, std::string temporary, int descriptor)
    : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      unsynced_bytes_(other.unsynced_bytes_) {}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  close(descriptor_);
  unlink(temporary_.c_str());
}

absl::Status AtomicFile::Append(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError("write", path_);
    bytes.remove_prefix(written);
    unsynced_bytes_ += written;
    if (unsynced_bytes_ < kUnsyncedBytesMax) continue;
    if (fdatasync(descriptor_) != 0) return SystemError("sync", path_);
    unsynced_bytes_ = 0;
  }
  return absl::OkStatus();
}

absl::Status AtomicFile::Commit() {
  if (fsync(descriptor_) != 0) return SystemError("sync", path_);
  if (rename(temporary_.c_str(), path_.c_str()) != 0) return SystemError("rename", path_);
  close(std::exchange(descriptor_, -1));
  return SyncFolder(FolderOf(path_));
}

void RemoveTemporaries(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == kTemporary) std::filesystem::remove(entry.path(), error);
  }
}

absl::Status WriteDurably(const std::string& path, absl::string_view content) {
  absl::StatusOr<AtomicFile> file = AtomicFile::Open(path);
  if (!file.ok()) return file.status();
  if (absl::Status status = file->Append(content); !status.ok()) return status;
  return file->Commit();
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return SystemError("read", path);
  const absl::Cleanup close_descriptor = [descriptor] { close(descriptor); };
  struct stat facts;
  std::string content;
  // One extra byte shows the end of the file at once. Files in /proc report size 0.
  if (fstat(descriptor, &facts) == 0) content.resize(facts.st_size + 1);
  size_t filled = 0;
  for (;;) {
    if (filled == content.size()) content.resize(2 * filled + kReadBytesMin);
    const ssize_t count = read(descriptor, &content[filled], content.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EISDIR) {
      return absl::NotFoundError(absl::StrCat("cannot read ", path, ": it is a folder"));
    }
    if (count < 0) return SystemError("read", path);
    if (count == 0) break;
    filled += count;
  }
  content.resize(filled);
  return content;
}

}  // namespace armature
