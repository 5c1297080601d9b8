#include "learner/load_run_config.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/cli/config_file.h"

namespace armature {

absl::StatusOr<RunConfig> LoadRunConfig(const std::vector<std::string>& words,
                                        const std::string& resume_dir) {
  std::string name = resume_dir.empty() ? "" : resume_dir + "/config.yaml";
  std::vector<std::string> overrides;
  for (const std::string& word : words) {
    if (absl::StrContains(word, '=')) {
      overrides.push_back(word);
    } else if (name.empty()) {
      name = word;
    } else {
      return absl::InvalidArgumentError(absl::StrCat("'", word, "': expected key=value"));
    }
  }
  if (name.empty()) {
    return absl::InvalidArgumentError("CONFIG is missing: a YAML file or a name (see --help)");
  }
  const absl::StatusOr<std::string> path = FindConfigFile(name);
  if (!path.ok()) return path.status();
  RunConfig config;
  if (absl::Status status = LoadYamlFile(*path, ConfigOf(config)); !status.ok()) return status;
  for (const std::string& text : overrides) {
    if (absl::Status status = ApplyOverride(text, ConfigOf(config)); !status.ok()) return status;
  }
  if (absl::Status status = config.Validate(); !status.ok()) return status;
  return config;
}

}  // namespace armature
