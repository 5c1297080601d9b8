#include "common/files/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace armature {
namespace {

constexpr char kNone[] = "-";

absl::Status CannotWrite(const std::string& path) {
  return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
}

std::string OrNone(const std::string& address) { return address.empty() ? kNone : address; }

}  // namespace

absl::Status WriteFileAtomically(const std::string& path, absl::string_view text) {
  const std::string temporary = absl::StrCat(path, ".", getpid(), ".tmp");
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return CannotWrite(temporary);
  const ssize_t written = write(fd, text.data(), text.size());
  const bool synced = written == static_cast<ssize_t>(text.size()) && fsync(fd) == 0;
  const absl::Status status = synced ? absl::OkStatus() : CannotWrite(temporary);
  close(fd);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) == 0) return absl::OkStatus();
  const absl::Status failure = status.ok() ? CannotWrite(path) : status;
  unlink(temporary.c_str());
  return failure;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::error_code ignored;
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path, ignored)) {
    return absl::NotFoundError(absl::StrCat("cannot read ", path));
  }
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

absl::Status WritePortFile(const std::string& path, const PortFile& ports) {
  return WriteFileAtomically(
      path, absl::StrCat(OrNone(ports.rpc_address), "\n", OrNone(ports.metrics_address), "\n"));
}

absl::StatusOr<PortFile> ReadPortFile(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path);
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
