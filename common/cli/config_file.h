// Where CONFIG on a command line is.
#ifndef ARMATURE_COMMON_CLI_CONFIG_FILE_H_
#define ARMATURE_COMMON_CLI_CONFIG_FILE_H_

#include <string>

#include "absl/status/statusor.h"

namespace armature {

// The path of a configuration: `name` itself if there is such a file, else
// NAME.yaml among those that are shipped ($ARMATURE_CONFIGS, a bundle's configs/,
// deploy/configs).
// OK; NotFound: neither; names what is shipped and the nearest.
absl::StatusOr<std::string> FindConfigFile(const std::string& name);

}  // namespace armature

#endif  // ARMATURE_COMMON_CLI_CONFIG_FILE_H_
