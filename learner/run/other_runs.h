// Finds the run that a command line or configuration names by folder, id or name.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_RUN_OTHER_RUNS_H_
#define ARMATURE_LEARNER_RUN_OTHER_RUNS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/run_config/run_config.h"

namespace armature {

// Returns the folder of the run that a command line names, see FindRun. Searches in run.output_dir:
// its value in `words` (key=value), else its default.
absl::StatusOr<std::string> FindNamedRun(const std::string& run,
                                         const std::vector<std::string>& words);

// Replaces run.load, if set, with that run's absolute folder. Returns NotFound or InvalidArgument
// as FindRun and FindState do.
absl::Status ResolveLoad(RunSection* run);

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_OTHER_RUNS_H_
