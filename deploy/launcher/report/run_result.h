// How a run ended: result.json, written by the learner, and the line that says it.
#ifndef ARMATURE_DEPLOY_LAUNCHER_REPORT_RUN_RESULT_H_
#define ARMATURE_DEPLOY_LAUNCHER_REPORT_RUN_RESULT_H_

#include <cstdint>
#include <limits>
#include <string>

#include "absl/status/statusor.h"

namespace armature {

struct RunResult {
  bool target_reached = false;
  double success_rate = std::numeric_limits<double>::quiet_NaN();  // NaN: none reported.
  double return_mean = std::numeric_limits<double>::quiet_NaN();
  int64_t env_steps = 0;
  double wall_s = 0;
};

// OK; NotFound: no such file; InvalidArgument: not what the learner writes.
absl::StatusOr<RunResult> ReadRunResult(const std::string& path);

// "armature: solved panda_reach success_rate=1.00 env_steps=9000 wall_s=41.2":
// solved or, with a target that was not reached, not solved; finished where
// there was no target. With return=R where the environment reports no success.
std::string ResultLine(const RunResult& result, const std::string& environment, bool has_target);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_REPORT_RUN_RESULT_H_
