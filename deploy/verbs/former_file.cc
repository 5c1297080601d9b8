#include "deploy/verbs/former_file.h"

#include <filesystem>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/files/atomic_file.h"

namespace armature {

absl::StatusOr<std::string> KeepFormerFile(const std::string& path, absl::string_view text) {
  namespace fs = std::filesystem;
  const absl::StatusOr<std::string> former = ReadWholeFile(path);
  if (!former.ok() || *former == text) return "";
  const fs::path here(path);
  std::error_code error;
  fs::path kept;
  int n = 1;
  do {
    const std::string name =
        absl::StrCat(here.stem().string(), "_", n++, here.extension().string());
    kept = here.parent_path() / name;
  } while (fs::exists(kept, error));
  fs::rename(here, kept, error);
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot move ", path));
  return kept.string();
}

}  // namespace armature
