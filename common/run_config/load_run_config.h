// The words of a command line that configure a run: CONFIG group=option key=value ...
#ifndef ARMATURE_COMMON_RUN_CONFIG_LOAD_RUN_CONFIG_H_
#define ARMATURE_COMMON_RUN_CONFIG_LOAD_RUN_CONFIG_H_

#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "common/run_config/run_config.h"

namespace armature {

struct ConfigFlags {
  std::vector<std::string> words;  // CONFIG, group=option and key=value.
  std::string config_name;         // CONFIG as a flag.
  std::string config_dir;
  std::string cfg;  // "job": print the configuration and end.
};
void AddConfigFlags(CLI::App& app, ConfigFlags* flags);

// The file that CONFIG names (common/cli/config_file.h; `config` where there is none)
// with its defaults and the groups' options (common/config/compose.h), or, with
// `resume_dir`, that folder's config.yaml; then the overrides; all of it validated, and
// paths of files made absolute.
// OK; NotFound: no such file or option, or none where a key names one; InvalidArgument:
// names the key and the limit; DataLoss: that folder's config.yaml is empty or cut short.
absl::StatusOr<RunConfig> LoadRunConfig(const ConfigFlags& flags, const std::string& resume_dir);

// Every key with its default, limits and meaning, and every group, as Markdown.
std::string ConfigReference();

}  // namespace armature

#endif  // ARMATURE_COMMON_RUN_CONFIG_LOAD_RUN_CONFIG_H_
