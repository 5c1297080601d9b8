#include "envserver/bullet/model_folder.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace armature {

absl::StatusOr<std::string> FindModelFolder(absl::string_view name,
                                            absl::string_view runfiles_path) {
  // If a link is unreadable, the path stays empty and nothing is found there.
  std::error_code error;
  const std::filesystem::path executable = std::filesystem::read_symlink("/proc/self/exe", error);

  std::vector<std::string> candidates;
  if (const char* models = std::getenv("ARMATURE_MODELS")) {
    candidates.push_back(absl::StrCat(models, "/", name));
  }
  for (const char* variable : {"RUNFILES_DIR", "TEST_SRCDIR"}) {
    if (const char* runfiles = std::getenv(variable)) {
      candidates.push_back(absl::StrCat(runfiles, "/", runfiles_path));
    }
  }
  candidates.push_back(absl::StrCat(executable.string(), ".runfiles/", runfiles_path));
  candidates.push_back(
      absl::StrCat((executable.parent_path().parent_path() / "models").string(), "/", name));

  for (const std::string& candidate : candidates) {
    if (std::filesystem::is_directory(candidate, error)) return candidate;
  }
  return absl::NotFoundError(absl::StrCat("no folder of robot model '", name,
                                          "' (set ARMATURE_MODELS to the folder that holds '", name,
                                          "'); tried ", absl::StrJoin(candidates, ", ")));
}

}  // namespace armature
