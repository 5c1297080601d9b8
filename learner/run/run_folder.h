// Makes the folders that runs are kept in.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_RUN_RUN_FOLDER_H_
#define ARMATURE_LEARNER_RUN_RUN_FOLDER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace armature {

// `path`, absolute, made if it is absent. Errors: as the file system says, naming it.
absl::StatusOr<std::string> MakeFolder(const std::string& path);

// "YYYYMMDD-HHMMSS" of the local time.
std::string RunStamp(absl::Time now);

// A new <output_dir>/<name>/<RunStamp>, absolute, with "-2", "-3" ... where it is taken.
// Errors: as MakeFolder's.
absl::StatusOr<std::string> MakeRunFolder(const std::string& output_dir, const std::string& name,
                                          absl::Time now);

// How a command line says where a run is kept: by one of the first two, else by the
// configuration.
struct RunPlace {
  std::string resume;   // --resume
  std::string run_dir;  // --run_dir
  std::string output_dir;
  std::string name;

  bool is_new() const { return resume.empty() && run_dir.empty(); }
};
// The folder, absolute, made if it is absent. Errors: as MakeFolder's, with NamePlace.
absl::StatusOr<std::string> MakeRunFolder(const RunPlace& place, absl::Time now);
// `status`, after the flag or the key that has brought it about, and its value.
absl::Status NamePlace(const RunPlace& place, const absl::Status& status);

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_RUN_FOLDER_H_
