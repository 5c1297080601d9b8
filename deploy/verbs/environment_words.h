// Loads the environment that a command line names, without a run.
//
// Thread safety: free functions.
#ifndef ARMATURE_DEPLOY_VERBS_ENVIRONMENT_WORDS_H_
#define ARMATURE_DEPLOY_VERBS_ENVIRONMENT_WORDS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/run_config/run_config.h"
#include "deploy/verbs/verb.h"

namespace armature {

// `words`: an option of the group `environment`, the id of an environment that is hosted, or a
// configuration; then overrides (key=value). There is at least one.
// Returns InvalidArgument or NotFound with what is wrong.
absl::StatusOr<RunConfig> LoadEnvironment(const std::vector<std::string>& words);

// Adds to NotFound of an environment that our own server does not host how Gymnasium's are hosted.
absl::Status ExplainUnhosted(const absl::Status& status, const RunConfig& config);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_VERBS_ENVIRONMENT_WORDS_H_
