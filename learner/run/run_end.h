// Whether a run is over: how it ended, and what a configuration must ask for that it goes on.
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

// The settings that end a run, by key, as text; result.json keeps them.
std::map<std::string, std::string> EndSettings(const RunConfig& config);

struct RunEnd {
  std::string line;            // How it ended and which keys make it go on, in one line.
  bool target_missed = false;  // There is a target, and the run did not reach it.
};

// How the run in `run_dir` ended, if it stays so with `config`. Nothing: it has not ended,
// or `config` asks for more: its settings of EndSettings are others than the run ended
// with, and leave it env steps to make.
// OK; DataLoss: result.json is damaged.
absl::StatusOr<std::optional<RunEnd>> FindEnd(const std::string& run_dir, const RunConfig& config);

// Whether a new run may begin in `run_dir`, which need not exist.
// OK; FailedPrecondition: what a run has learned or written is in it.
absl::Status CheckUnused(const std::string& run_dir);

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_RUN_END_H_
