// Formats configuration keys, values and limits for YAML and for messages.
//
// Thread safety: free functions.
#ifndef ARMATURE_COMMON_CONFIG_CONFIG_TEXT_H_
#define ARMATURE_COMMON_CONFIG_CONFIG_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/config/config.h"

namespace armature {

// Returns "prefix.name", or just the name if `prefix` is empty.
std::string JoinKey(absl::string_view prefix, absl::string_view name);

// Returns the shortest text that parses back to the same double.
std::string NumberToYaml(double value);
std::string QuotedYaml(const std::string& text);
// Quotes `text` only if YAML would otherwise read it as something else.
std::string StringToYaml(const std::string& text);
std::string ListToYaml(const std::vector<int64_t>& list);
std::string WordsToYaml(const std::vector<std::string>& words);

// For example "at least 1 and at most 5"; empty if there are no limits.
std::string LimitsText(const FieldLimits& limits);

}  // namespace armature

#endif  // ARMATURE_COMMON_CONFIG_CONFIG_TEXT_H_
