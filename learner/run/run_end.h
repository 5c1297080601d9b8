// Whether and how a run has ended, and which settings would let it continue.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_RUN_RUN_END_H_
#define ARMATURE_LEARNER_RUN_RUN_END_H_

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/run_config/run_config.h"

namespace armature {

// The settings that decide when a run ends, by key, as text. result.json keeps them.
std::map<std::string, std::string> EndSettings(const RunConfig& config);

struct RunEnd {
  std::string line;            // How it ended and which keys let it continue; one line.
  bool target_missed = false;  // There is a target that the run did not reach.
};

// Returns how the run in `run_dir` ended. Returns nothing if it has not ended, or if `config` lets
// it continue: its EndSettings differ from those the run ended with, and it allows more env steps.
// Returns DataLoss if result.json is damaged.
absl::StatusOr<std::optional<RunEnd>> FindEnd(const std::string& run_dir, const RunConfig& config);

// Whether a new run may start in `run_dir`, which need not exist. Returns FailedPrecondition if it
// contains results of a run.
absl::Status CheckUnused(const std::string& run_dir);

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_RUN_END_H_
