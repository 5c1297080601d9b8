// Writes a file so that readers, and a crash at any moment, see the old content
// or the new one, never a part: a temporary beside it, fsync, rename, fsync of
// the folder.
//
// Thread safety: compatible.
// Call order: Open Append* Commit. A file that is not committed is removed.
#ifndef ARMATURE_COMMON_FILES_ATOMIC_FILE_H_
#define ARMATURE_COMMON_FILES_ATOMIC_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace armature {

// Errors: ResourceExhausted: the disk, quota or file size limit is full; NotFound,
// PermissionDenied, Internal: as the system says. The message names the path.
class AtomicFile {
 public:
  static absl::StatusOr<AtomicFile> Open(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  // Waits for the disk now and then, so that what Commit has to wait for is little,
  // however large the file.
  absl::Status Append(absl::string_view bytes);
  absl::Status Commit();

 private:
  AtomicFile(std::string path, std::string temporary, int descriptor);

  std::string path_;
  std::string temporary_;
  int descriptor_;
  int64_t unsynced_bytes_ = 0;  // At most.
};

// Removes the temporaries that a process which was killed has left in `folder`. Only
// while no process writes there.
void RemoveTemporaries(const std::string& folder);

// Open, Append, Commit.
absl::Status WriteDurably(const std::string& path, absl::string_view content);

// OK; NotFound, PermissionDenied, Internal: as the system says.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path);

}  // namespace armature

#endif  // ARMATURE_COMMON_FILES_ATOMIC_FILE_H_
