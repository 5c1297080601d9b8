#include "common/cli/config_file.h"

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "common/files/files.h"

namespace armature {

ConfigFolders FindConfigFolders(const std::string& config_dir) {
  std::vector<std::string> folders;
  if (!config_dir.empty()) folders.push_back(config_dir);
  absl::StatusOr<std::string> shipped =
      FindProgramData("armature/deploy/configs", "configs", "ARMATURE_CONFIGS");
  if (shipped.ok()) folders.push_back(*std::move(shipped));
  return ConfigFolders(std::move(folders));
}

absl::StatusOr<std::string> FindConfigFile(const std::string& name, const ConfigFolders& folders) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(name, ignored)) return name;
  return folders.Find("", name);
}

}  // namespace armature
