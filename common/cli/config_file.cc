#include "common/cli/config_file.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/cli/files.h"
#include "common/config/config.h"

namespace armature {

absl::StatusOr<std::string> FindConfigFile(const std::string& name) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(name, ignored)) return name;
  const absl::StatusOr<std::string> folder =
      FindProgramData("armature/deploy/configs", "configs", "ARMATURE_CONFIGS");
  std::vector<std::string> shipped;
  if (folder.ok()) {
    const std::string path = absl::StrCat(*folder, "/", name, ".yaml");
    if (std::filesystem::is_regular_file(path, ignored)) return path;
    for (const auto& entry : std::filesystem::directory_iterator(*folder, ignored)) {
      if (entry.path().extension() == ".yaml") shipped.push_back(entry.path().stem());
    }
    std::sort(shipped.begin(), shipped.end());
  }
  const std::string nearest = NearestName(name, shipped);
  return absl::NotFoundError(absl::StrCat(
      "no configuration '", name, "': neither a file nor one of ", absl::StrJoin(shipped, ", "),
      nearest.empty() ? "" : absl::StrCat("; did you mean '", nearest, "'?")));
}

}  // namespace armature
