#include "common/run_config/run_settings.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/config/config.h"

namespace armature {
namespace {

constexpr const char* kAlgorithms[] = {"sac", "tqc", "td3", "ddpg", "ppo"};
constexpr const char* kLearningPrefixes[] = {
    "algorithm.", "collect.",      "environment.", "learner.averag", "learner.replicas",
    "replay.",    "reproducible.", "run.load",     "run.seed",       "run.total_env_steps"};

}  // namespace

std::vector<std::pair<std::string, std::string>> RunSettings(RunConfig config) {
  std::vector<std::pair<std::string, std::string>> settings;
  std::vector<std::string> path;
  for (const absl::string_view line :
       absl::StrSplit(ToYaml(ConfigOf(config)), '\n', absl::SkipEmpty())) {
    const absl::string_view text = absl::StripLeadingAsciiWhitespace(line);
    const std::vector<std::string> words = absl::StrSplit(text, absl::MaxSplits(':', 1));
    path.resize((line.size() - text.size()) / 2);  // Two spaces per level.
    path.push_back(words[0]);
    const absl::string_view value = absl::StripAsciiWhitespace(words[1]);
    if (!value.empty()) settings.emplace_back(absl::StrJoin(path, "."), value);
  }
  return settings;
}

std::map<std::string, std::string> LearningSettings(const RunConfig& config) {
  const auto decides = [&config](const std::string& key) {
    if (config.algorithm.on_policy() && absl::StartsWith(key, "replay.")) return false;
    for (const char* other : kAlgorithms) {
      if (other != config.algorithm.name &&
          absl::StartsWith(key, absl::StrCat("algorithm.", other, "."))) {
        return false;
      }
    }
    return std::any_of(std::begin(kLearningPrefixes), std::end(kLearningPrefixes),
                       [&key](const char* prefix) { return absl::StartsWith(key, prefix); });
  };
  std::map<std::string, std::string> settings;
  for (const auto& [key, value] : RunSettings(config)) {
    if (!decides(key)) continue;
    absl::string_view text = value;
    if (absl::ConsumePrefix(&text, "\"")) absl::ConsumeSuffix(&text, "\"");
    settings.emplace(key, text);
  }
  return settings;
}

}  // namespace armature
