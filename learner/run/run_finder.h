// Finds runs on disk. A run is a folder that contains run.json.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_RUN_RUN_FINDER_H_
#define ARMATURE_LEARNER_RUN_RUN_FINDER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace armature {

struct FoundRun {
  std::string path;
  // From run.json, else name and begun from the path <output_dir>/<name>/<date-time>.
  std::string run_id;  // Empty: run.json is damaged.
  std::string name;
  std::string begun;  // YYYYMMDD-HHMMSS
};

// Returns the run id in <run_dir>/run.json; empty if the file is missing or damaged.
std::string RunIdOf(const std::string& run_dir);

// Returns all runs below `output_dir`, newest first; empty if there is no such folder. Does not
// look for runs inside of runs.
std::vector<FoundRun> ListRuns(const std::string& output_dir);

// Returns the folder of the run that `run` names. `run` is a folder, a name, a run id or at least
// its first 4 digits. Names and ids are searched below `output_dir`, then among all runs this user
// has started (run_index.h). A name means its newest run with a saved model or checkpoint, else its
// newest. run_finder.py does the same; both pass testdata/find_run.json. Returns NotFound if there
// is none (names the nearest); InvalidArgument if several run ids begin with `run`.
absl::StatusOr<std::string> FindRun(const std::string& run, const std::string& output_dir);

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_RUN_FINDER_H_
