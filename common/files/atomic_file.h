// Writes a file atomically: readers see the old or the new content, never a part, even after a
// crash at any moment. It writes a temporary file in the same folder, calls fsync, renames the file
// and calls fsync on the folder.
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

// Errors: ResourceExhausted if the disk, quota or file size limit is full; NotFound,
// PermissionDenied or Internal as reported by the system. The message names the path.
class AtomicFile {
 public:
  static absl::StatusOr<AtomicFile> Open(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  // Syncs to disk from time to time, so that Commit does not wait long even for a large file.
  absl::Status Append(absl::string_view bytes);
  absl::Status Commit();

 private:
  AtomicFile(std::string path, std::string temporary, int descriptor);

  std::string path_;
  std::string temporary_;
  int descriptor_;
  int64_t unsynced_bytes_ = 0;  // Upper bound.
};

// Removes temporary files that killed processes left in `folder`. Call it only while no process
// writes there.
void RemoveTemporaries(const std::string& folder);

// Calls Open, Append and Commit.
absl::Status WriteDurably(const std::string& path, absl::string_view content);

// Returns NotFound (also if `path` is a folder), PermissionDenied or Internal, as reported by the
// system.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path);

}  // namespace armature

#endif  // ARMATURE_COMMON_FILES_ATOMIC_FILE_H_
