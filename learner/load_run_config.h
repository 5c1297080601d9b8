// The words of a command line that configure a run: CONFIG key=value ...
#ifndef ARMATURE_LEARNER_LOAD_RUN_CONFIG_H_
#define ARMATURE_LEARNER_LOAD_RUN_CONFIG_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "learner/run_config.h"

namespace armature {

// The file that CONFIG names (see FindConfigFile), or, with `resume_dir`, that
// folder's config.yaml; then the overrides; all of it validated.
// OK; NotFound: no such file; InvalidArgument: names the key and the limit.
absl::StatusOr<RunConfig> LoadRunConfig(const std::vector<std::string>& words,
                                        const std::string& resume_dir);

}  // namespace armature

#endif  // ARMATURE_LEARNER_LOAD_RUN_CONFIG_H_
