// Finds runs on disk: a run is a folder that holds run.json.
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
  // Of run.json; where it does not say, of <output_dir>/<name>/<date-time>.
  std::string run_id;  // Empty: run.json is damaged.
  std::string name;
  std::string begun;  // YYYYMMDD-HHMMSS
};

// That of <run_dir>/run.json; empty: the file is not there, or is damaged.
std::string RunIdOf(const std::string& run_dir);

// All runs below `output_dir`, newest first; a run inside a run is not looked for. None
// where there is no such folder.
std::vector<FoundRun> ListRuns(const std::string& output_dir);

// The folder of the run that `run` means: a run's folder; or, of those below `output_dir`,
// else of all that this user has begun (run_index.h), a run id, or the first 4 or more of
// its digits, or a name, whose newest run is taken that has saved a model or a checkpoint, or
// else the newest. run_finder.py does the same; both pass testdata/find_run.json.
// OK; NotFound: there is none (names the nearest); InvalidArgument: digits that
// several runs begin with.
absl::StatusOr<std::string> FindRun(const std::string& run, const std::string& output_dir);

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_RUN_FINDER_H_
