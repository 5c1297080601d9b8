// Reads how a run ended (result.json, written by the learner), and formats it.
#ifndef ARMATURE_DEPLOY_LAUNCHER_REPORT_RUN_RESULT_H_
#define ARMATURE_DEPLOY_LAUNCHER_REPORT_RUN_RESULT_H_

#include <cstdint>
#include <limits>
#include <string>

#include "absl/status/statusor.h"

namespace armature {

struct RunResult {
  bool target_reached = false;
  double success_rate = std::numeric_limits<double>::quiet_NaN();  // NaN: not reported.
  double return_mean = std::numeric_limits<double>::quiet_NaN();
  int64_t env_steps = 0;
  double wall_s = 0;
};

// Returns NotFound if there is no such file; InvalidArgument if it is not what the learner writes.
absl::StatusOr<RunResult> ReadRunResult(const std::string& path);

// For example "armature: solved panda_reach success_rate=1.00 env_steps=9000 wall_s=41.2". Says
// "not solved" if a target was not reached, "finished" if there was none. Has return=R if the
// environment does not report success.
std::string ResultLine(const RunResult& result, const std::string& environment, bool has_target);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_REPORT_RUN_RESULT_H_
