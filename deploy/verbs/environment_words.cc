#include "deploy/verbs/environment_words.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/cli/config_file.h"
#include "common/config/config.h"
#include "common/run_config/load_run_config.h"

namespace armature {

absl::StatusOr<RunConfig> LoadEnvironment(const std::vector<std::string>& words) {
  const auto is_config = [](const std::string& name) {
    return FindConfigFile(name, FindConfigFolders("")).ok();
  };
  if (absl::StrContains(words[0], '=') || is_config(words[0])) {
    return LoadRunConfig({words, "", "", ""}, "");
  }
  if (is_config("environment/" + words[0])) {
    std::vector<std::string> with_group = words;
    with_group[0] = "environment=" + words[0];
    return LoadRunConfig({with_group, "", "", ""}, "");
  }
  // Neither: it is the id of an environment.
  RunConfig config;
  config.environment.id = words[0];
  for (size_t i = 1; i < words.size(); ++i) {
    if (absl::Status status = ApplyOverride(words[i], ConfigOf(config)); !status.ok()) {
      return status;
    }
  }
  if (absl::Status status = config.Validate(); !status.ok()) return status;
  return config;
}

absl::Status ExplainUnhosted(const absl::Status& status, const RunConfig& config) {
  if (!absl::IsNotFound(status) || !config.cluster.env_server_command.empty()) return status;
  return absl::NotFoundError(absl::StrCat(
      status.message(), "; of Gymnasium's: \"cluster.env_server_command=armature-serve --env ",
      config.environment.id, "\""));
}

}  // namespace armature
