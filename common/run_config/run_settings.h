// A run's configuration as a flat list: for its card, and for what compares runs.
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

// Every key that has a value, with that value as YAML has it, in the configuration's order.
std::vector<std::pair<std::string, std::string>> RunSettings(RunConfig config);

// Those that decide what is learned, texts without their quotes: not where the run is kept,
// who hosts it, and what the algorithms that it does not use would do.
std::map<std::string, std::string> LearningSettings(const RunConfig& config);

}  // namespace armature

#endif  // ARMATURE_COMMON_RUN_CONFIG_RUN_SETTINGS_H_
