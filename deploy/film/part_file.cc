#include "deploy/film/part_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace armature {
namespace {

constexpr char kEnding[] = ".part";

// Removes the parts whose names begin with `prefix` and that no living process has locked.
void RemoveOrphans(const std::filesystem::path& folder, const std::string& prefix) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    if (!absl::StartsWith(name, prefix) || !absl::EndsWith(name, kEnding)) continue;
    const int descriptor = open(entry.path().c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0) continue;
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) unlink(entry.path().c_str());
    close(descriptor);
  }
}

// Whether the file has not been removed between its creation and its lock.
bool IsThere(int descriptor) {
  struct stat facts;
  return fstat(descriptor, &facts) == 0 && facts.st_nlink > 0;
}

}  // namespace

absl::Status PartFile::Failure(const std::string& path, const std::string& reason) {
  return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", reason));
}

absl::StatusOr<std::unique_ptr<PartFile>> PartFile::Open(const std::string& path) {
  const std::filesystem::path place(path);
  const std::filesystem::path folder = place.has_parent_path() ? place.parent_path() : ".";
  const std::string prefix = absl::StrCat(".", place.filename().string(), ".");
  std::error_code error;
  if (std::filesystem::is_directory(place, error)) return Failure(path, std::strerror(EISDIR));
  RemoveOrphans(folder, prefix);
  for (int number = 0;; ++number) {
    const std::string part_path = folder / absl::StrCat(prefix, getpid(), ".", number, kEnding);
    const int descriptor = open(part_path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0 && errno == EEXIST) continue;  // Another writer's.
    if (descriptor < 0) return Failure(path, std::strerror(errno));
    // Where the file system has no locks, nobody removes anything.
    flock(descriptor, LOCK_EX);
    if (IsThere(descriptor)) return absl::WrapUnique(new PartFile(path, part_path, descriptor));
    close(descriptor);
  }
}

PartFile::PartFile(std::string path, std::string part_path, int descriptor)
    : path_(std::move(path)), part_path_(std::move(part_path)), descriptor_(descriptor) {}

PartFile::~PartFile() {
  if (!is_committed_) unlink(part_path_.c_str());
  close(descriptor_);
}

absl::Status PartFile::Commit() {
  if (fsync(descriptor_) != 0 || std::rename(part_path_.c_str(), path_.c_str()) != 0) {
    return Failure(path_, std::strerror(errno));
  }
  is_committed_ = true;
  return absl::OkStatus();
}

}  // namespace armature
