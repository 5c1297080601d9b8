#include "common/files/files.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/files/atomic_file.h"

namespace armature {
namespace {

constexpr char kNone[] = "-";

std::string OrNone(const std::string& address) { return address.empty() ? kNone : address; }

}  // namespace

absl::Status WritePortFile(const std::string& path, const PortFile& ports) {
  return WriteDurably(
      path, absl::StrCat(OrNone(ports.rpc_address), "\n", OrNone(ports.metrics_address), "\n"));
}

absl::StatusOr<PortFile> ReadPortFile(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (!text.ok()) return text.status();
  const std::vector<std::string> lines = absl::StrSplit(*text, '\n');
  if (lines.size() != 3 || lines[0].empty() || lines[1].empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a port file"));
  }
  PortFile ports;
  if (lines[0] != kNone) ports.rpc_address = lines[0];
  if (lines[1] != kNone) ports.metrics_address = lines[1];
  return ports;
}

void EnterUsersFolder() {
  std::error_code ignored;
  if (const char* folder = std::getenv("BUILD_WORKING_DIRECTORY")) {
    std::filesystem::current_path(folder, ignored);
  }
}

std::string ProgramFolder() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().string();
}

absl::StatusOr<std::string> FindProgramData(absl::string_view runfiles_path,
                                            absl::string_view bundle_path, const char* variable) {
  std::vector<std::string> places;
  if (const char* place = std::getenv(variable)) {
    places.push_back(place);
  } else {
    std::error_code ignored;
    const std::string program = std::filesystem::read_symlink("/proc/self/exe", ignored).string();
    places.push_back(absl::StrCat(program, ".runfiles/", runfiles_path));
    for (const char* runfiles : {"RUNFILES_DIR", "TEST_SRCDIR"}) {
      if (const char* root = std::getenv(runfiles)) {
        places.push_back(absl::StrCat(root, "/", runfiles_path));
      }
    }
    places.push_back(absl::StrCat(ProgramFolder(), "/../", bundle_path));
  }
  for (const std::string& place : places) {
    std::error_code ignored;
    if (std::filesystem::exists(place, ignored)) return place;
  }
  return absl::NotFoundError(absl::StrCat("cannot find ", bundle_path, ": tried ",
                                          absl::StrJoin(places, ", "), "; set ", variable));
}

}  // namespace armature
