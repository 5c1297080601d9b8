// Makes the folders that runs are kept in.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_RUN_DIR_RUN_FOLDER_H_
#define ARMATURE_LEARNER_RUN_DIR_RUN_FOLDER_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace armature {

// `path`, absolute, made if it is absent. Errors: as the file system says, naming it.
absl::StatusOr<std::string> MakeFolder(const std::string& path);

// A new <output_dir>/<name>/<YYYYMMDD-HHMMSS>, absolute, with "-2", "-3" ... where it is
// taken. Errors: as MakeFolder's.
absl::StatusOr<std::string> MakeRunFolder(const std::string& output_dir, const std::string& name,
                                          absl::Time now);

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_DIR_RUN_FOLDER_H_
