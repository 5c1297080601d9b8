// Which runs a user has begun on this machine, wherever their folders are: a file in the
// user's home with a line for each, to which is only ever added.
//
// Thread safety: free functions, also of several processes at once.
#ifndef ARMATURE_LEARNER_RUN_RUN_INDEX_H_
#define ARMATURE_LEARNER_RUN_RUN_INDEX_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace armature {

// $XDG_STATE_HOME/armature/runs, else ~/.local/state/armature/runs; empty: neither variable
// is an absolute path.
std::string RunIndexPath();

// Adds `run_dir`, absolute, unless it is there.
// OK; NotFound: there is no home; InvalidArgument: a path of several lines; errors as the
// system says, naming the file.
absl::Status RememberRun(const std::string& run_dir);

// The folders that are in it, each once, whether they are there still or not.
std::vector<std::string> RememberedRuns();

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_RUN_INDEX_H_
