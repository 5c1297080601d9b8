// Loads a run's configuration from the command line: CONFIG group=option key=value ...
#ifndef ARMATURE_COMMON_RUN_CONFIG_LOAD_RUN_CONFIG_H_
#define ARMATURE_COMMON_RUN_CONFIG_LOAD_RUN_CONFIG_H_

#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/run_config/run_config.h"

namespace armature {

struct ConfigFlags {
  std::vector<std::string> words;  // CONFIG, group=option and key=value.
  std::string config_name;         // CONFIG given as a flag.
  std::string config_dir;
  std::string cfg;  // "job": print the configuration and exit.
};
void AddConfigFlags(CLI::App& app, ConfigFlags* flags);

// Loads the file that CONFIG names (common/cli/config_file.h; default `config`) with its defaults
// list and the chosen options (common/config/compose.h). If `resume_dir` is set, loads that
// folder's config.yaml instead. Then applies the overrides and validates everything.
// Returns NotFound if a file or option does not exist; InvalidArgument naming the key and its
// limit; DataLoss if the folder's config.yaml is empty or truncated.
absl::StatusOr<RunConfig> LoadRunConfig(const ConfigFlags& flags, const std::string& resume_dir);

// Makes the path of the demonstrations, if there are any, absolute. Who learns from them calls
// this; a finished run can do without the file. Returns NotFound if there is no such file.
absl::Status ResolveDemonstrations(DemonstrationsConfig* demonstrations);

// Returns every key with default, limits and meaning, and every group, as Markdown.
std::string ConfigReference();

}  // namespace armature

#endif  // ARMATURE_COMMON_RUN_CONFIG_LOAD_RUN_CONFIG_H_
