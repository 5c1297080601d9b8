// Where CONFIG on a command line is.
#ifndef ARMATURE_COMMON_CLI_CONFIG_FILE_H_
#define ARMATURE_COMMON_CLI_CONFIG_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/config/compose.h"

namespace armature {

// `config_dir`, if it is not empty, then what is shipped ($ARMATURE_CONFIGS, a
// bundle's configs/, deploy/configs).
ConfigFolders FindConfigFolders(const std::string& config_dir);

// The path of a configuration: `name` itself if there is such a file, else NAME.yaml
// in `folders`.
// OK; NotFound: neither; names those there are and the nearest.
absl::StatusOr<std::string> FindConfigFile(const std::string& name, const ConfigFolders& folders);

}  // namespace armature

#endif  // ARMATURE_COMMON_CLI_CONFIG_FILE_H_
