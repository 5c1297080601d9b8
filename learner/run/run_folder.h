// Creates the folders of runs.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_RUN_RUN_FOLDER_H_
#define ARMATURE_LEARNER_RUN_RUN_FOLDER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace armature {

// Creates `path` if needed and returns it as absolute path. Returns file system errors with the
// path.
absl::StatusOr<std::string> MakeFolder(const std::string& path);

// Local time as "YYYYMMDD-HHMMSS".
std::string RunStamp(absl::Time now);

// Creates <output_dir>/<name>/<RunStamp>, with "-2", "-3" ... appended if that exists. Returns the
// absolute path. Errors as MakeFolder.
absl::StatusOr<std::string> MakeRunFolder(const std::string& output_dir, const std::string& name,
                                          absl::Time now);

// Where a run's folder is: given by one of the first two on the command line, else by the
// configuration.
struct RunPlace {
  std::string resume;   // --resume
  std::string run_dir;  // --run_dir
  std::string output_dir;
  std::string name;

  bool is_new() const { return resume.empty() && run_dir.empty(); }
};
// Creates the folder if needed and returns its absolute path. Errors as MakeFolder, with NamePlace.
absl::StatusOr<std::string> MakeRunFolder(const RunPlace& place, absl::Time now);
// Returns `status` with the flag or key that caused it, and its value, at the front.
absl::Status NamePlace(const RunPlace& place, const absl::Status& status);

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_RUN_FOLDER_H_
