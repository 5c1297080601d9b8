#include "common/config/quote_addresses.h"

#include <regex>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace armature {

std::string QuoteAddresses(absl::string_view yaml) {
  if (!absl::StrContains(yaml, "]:")) return std::string(yaml);
  constexpr size_t kLineBytesMax = 1000;  // Longer lines are not searched.
  static const auto& line_pattern = *new std::regex(
      R"(^(\s*(?:[\w.]+\s*:\s+|-\s+)?)(\[[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]:[0-9]+(?:,[^\s#']*)?)(\s*(?:#.*)?)$)");
  std::vector<std::string> lines = absl::StrSplit(yaml, '\n');
  for (std::string& line : lines) {
    if (line.size() > kLineBytesMax || !absl::StrContains(line, "]:")) continue;
    line = std::regex_replace(line, line_pattern, "$1'$2'$3");
  }
  return absl::StrJoin(lines, "\n");
}

}  // namespace armature
