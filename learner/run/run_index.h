// Remembers which runs a user has started on this machine, in any folder: a file in the user's
// home, one line per run, append-only.
//
// Thread safety: free functions; several processes may call them at once.
#ifndef ARMATURE_LEARNER_RUN_RUN_INDEX_H_
#define ARMATURE_LEARNER_RUN_RUN_INDEX_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace armature {

// $XDG_STATE_HOME/armature/runs, else ~/.local/state/armature/runs; empty if neither is an absolute
// path.
std::string RunIndexPath();

// Adds `run_dir` (absolute) if it is not there yet. Returns NotFound if there is no home;
// InvalidArgument if the path has several lines; system errors with the file.
absl::Status RememberRun(const std::string& run_dir);

// Returns each remembered folder once, whether it still exists or not.
std::vector<std::string> RememberedRuns();

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_RUN_INDEX_H_
