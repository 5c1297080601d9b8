// How a configuration's keys, values and limits are written, in YAML and in messages.
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

// "prefix.name", or the name alone.
std::string JoinKey(absl::string_view prefix, absl::string_view name);

// The shortest text that reads back to the same double.
std::string NumberToYaml(double value);
std::string QuotedYaml(const std::string& text);
// In quotes only where YAML would not read it as itself.
std::string StringToYaml(const std::string& text);
std::string ListToYaml(const std::vector<int64_t>& list);

// "at least 1 and at most 5"; empty: no limits.
std::string LimitsText(const FieldLimits& limits);

}  // namespace armature

#endif  // ARMATURE_COMMON_CONFIG_CONFIG_TEXT_H_
