#include "common/config/config_text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "yaml-cpp/yaml.h"

namespace armature {
namespace {

bool IsNullWord(absl::string_view text) {
  return text == "~" || absl::EqualsIgnoreCase(text, "null");
}

// Whether YAML reads `text`, alone on its line without quotes, as the same string.
bool IsPlain(absl::string_view text) {
  if (text.empty() || IsNullWord(text) || text.back() == ':') return false;
  if (!absl::ascii_isalnum(text[0]) && text[0] != '/' && text[0] != '.') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(c) || absl::StrContains("_./-+:", c);
  });
}

}  // namespace

std::string JoinKey(absl::string_view prefix, absl::string_view name) {
  return prefix.empty() ? std::string(name) : absl::StrCat(prefix, ".", name);
}

std::string NumberToYaml(double value) {
  char text[32];
  for (int precision = 15; precision <= 17; ++precision) {
    std::snprintf(text, sizeof(text), "%.*g", precision, value);
    double read = 0;
    if (absl::SimpleAtod(text, &read) && read == value) break;
  }
  return text;
}

std::string QuotedYaml(const std::string& text) {
  YAML::Emitter emitter;
  emitter << YAML::DoubleQuoted << text;
  return emitter.c_str();
}

std::string StringToYaml(const std::string& text) {
  return IsPlain(text) ? text : QuotedYaml(text);
}

std::string ListToYaml(const std::vector<int64_t>& list) {
  return absl::StrCat("[", absl::StrJoin(list, ", "), "]");
}

std::string WordsToYaml(const std::vector<std::string>& words) {
  return absl::StrCat("[",
                      absl::StrJoin(words, ", ",
                                    [](std::string* out, const std::string& word) {
                                      absl::StrAppend(out, StringToYaml(word));
                                    }),
                      "]");
}

std::string LimitsText(const FieldLimits& limits) {
  if (!limits.choices.empty()) return absl::StrCat("one of ", absl::StrJoin(limits.choices, ", "));
  std::vector<std::string> parts;
  if (std::isfinite(limits.low)) {
    parts.push_back(
        absl::StrCat(limits.low_open ? "more than " : "at least ", NumberToYaml(limits.low)));
  }
  if (std::isfinite(limits.high))
    parts.push_back(absl::StrCat("at most ", NumberToYaml(limits.high)));
  return absl::StrJoin(parts, " and ");
}

}  // namespace armature
