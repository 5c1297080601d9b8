// The runs that a command line or a configuration means by a folder, an id or a name.
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

// The folder of the run that a command line names: see FindRun; below run.output_dir, where
// `words` (key=value) set it, else below its default.
absl::StatusOr<std::string> FindNamedRun(const std::string& run,
                                         const std::vector<std::string>& words);

// Makes run.load, where it is set, the run's absolute folder.
// OK; NotFound, InvalidArgument: see FindRun and FindState.
absl::Status ResolveLoad(RunSection* run);

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_OTHER_RUNS_H_
