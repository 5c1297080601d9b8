// Files of a run that are named after env steps.
//
// Thread safety: free function.
#ifndef ARMATURE_LEARNER_RUN_FILES_BY_STEP_H_
#define ARMATURE_LEARNER_RUN_FILES_BY_STEP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace armature {

// Returns the steps of the files <prefix><env_steps><ending> in `folder`, ascending; empty if there
// is no folder.
std::vector<uint64_t> FilesByStep(const std::string& folder, absl::string_view prefix,
                                  absl::string_view ending);

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_FILES_BY_STEP_H_
