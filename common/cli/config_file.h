// Finds the configuration that CONFIG on a command line names.
#ifndef ARMATURE_COMMON_CLI_CONFIG_FILE_H_
#define ARMATURE_COMMON_CLI_CONFIG_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/config/compose.h"

namespace armature {

// Returns the folders to search: `config_dir` if it is not empty, then the shipped configurations
// ($ARMATURE_CONFIGS, a bundle's configs/ or deploy/configs).
ConfigFolders FindConfigFolders(const std::string& config_dir);

// Returns the path of a configuration: `name` itself if that file exists, else NAME.yaml in
// `folders`.
// Returns NotFound if neither exists; the message lists the available names and the nearest.
absl::StatusOr<std::string> FindConfigFile(const std::string& name, const ConfigFolders& folders);

}  // namespace armature

#endif  // ARMATURE_COMMON_CLI_CONFIG_FILE_H_
