#include "learner/run/run_folder.h"

#include <filesystem>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace armature {
namespace {

absl::Status FolderError(const std::string& path, const std::error_code& error) {
  return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot make the folder ", path));
}

}  // namespace

absl::StatusOr<std::string> MakeFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return FolderError(path, error);
  return std::filesystem::absolute(path).string();
}

std::string RunStamp(absl::Time now) {
  return absl::FormatTime("%Y%m%d-%H%M%S", now, absl::LocalTimeZone());
}

absl::StatusOr<std::string> MakeRunFolder(const std::string& output_dir, const std::string& name,
                                          absl::Time now) {
  const absl::StatusOr<std::string> parent = MakeFolder(absl::StrCat(output_dir, "/", name));
  if (!parent.ok()) return parent.status();
  const std::string stem = absl::StrCat(*parent, "/", RunStamp(now));
  for (int n = 1;; ++n) {
    const std::string path = n == 1 ? stem : absl::StrCat(stem, "-", n);
    std::error_code error;
    if (std::filesystem::create_directory(path, error)) return path;
    if (error) return FolderError(path, error);
  }
}

absl::StatusOr<std::string> MakeRunFolder(const RunPlace& place, absl::Time now) {
  const std::string& given = place.resume.empty() ? place.run_dir : place.resume;
  absl::StatusOr<std::string> folder =
      given.empty() ? MakeRunFolder(place.output_dir, place.name, now) : MakeFolder(given);
  return folder.ok() ? folder : NamePlace(place, folder.status());
}

absl::Status NamePlace(const RunPlace& place, const absl::Status& status) {
  const std::string named = !place.resume.empty()    ? absl::StrCat("--resume ", place.resume)
                            : !place.run_dir.empty() ? absl::StrCat("--run_dir ", place.run_dir)
                                                     : "run.output_dir=" + place.output_dir;
  return absl::Status(status.code(), absl::StrCat(named, ": ", status.message()));
}

}  // namespace armature
