// Flattens a run's configuration into a list, for the run's card and for comparing runs.
//
// Thread safety: free functions.
#ifndef ARMATURE_COMMON_RUN_CONFIG_RUN_SETTINGS_H_
#define ARMATURE_COMMON_RUN_CONFIG_RUN_SETTINGS_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/run_config/run_config.h"

namespace armature {

// Returns every key that has a value, with the value as YAML, in the configuration's order.
std::vector<std::pair<std::string, std::string>> RunSettings(RunConfig config);

// Returns the settings that determine what is learned; strings are not quoted. Leaves out where the
// run is stored, who hosts it, and settings of unused algorithms.
std::map<std::string, std::string> LearningSettings(const RunConfig& config);

}  // namespace armature

#endif  // ARMATURE_COMMON_RUN_CONFIG_RUN_SETTINGS_H_
