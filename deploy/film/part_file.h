// A file that is written beside its place and put there once it is complete: until then, and if
// whoever writes it fails or is killed, what was there before stays.
//
// The part is .NAME.<process>.<number>.part in the folder of NAME, and locked (flock) for as long
// as its writer lives; so the next writer of NAME removes what killed ones left, and nothing else.
// Thread safety: compatible.
// Call order: Open Commit. One that is not committed is removed.
#ifndef ARMATURE_DEPLOY_FILM_PART_FILE_H_
#define ARMATURE_DEPLOY_FILM_PART_FILE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace armature {

class PartFile {
 public:
  // Returns Unavailable, naming `path`, if a file cannot be created there.
  static absl::StatusOr<std::unique_ptr<PartFile>> Open(const std::string& path);
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;
  ~PartFile();

  // Where to write: a descriptor, for as long as this lives, or the path of the same file.
  int descriptor() const { return descriptor_; }
  const std::string& part_path() const { return part_path_; }

  // Puts the file in its place, on disk. Returns Unavailable, naming the place.
  absl::Status Commit();

  // Returns Unavailable: "cannot write PATH: REASON".
  static absl::Status Failure(const std::string& path, const std::string& reason);

 private:
  PartFile(std::string path, std::string part_path, int descriptor);

  const std::string path_;
  const std::string part_path_;
  const int descriptor_;
  bool is_committed_ = false;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_FILM_PART_FILE_H_
