#include "learner/run/run_index.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "common/files/atomic_file.h"
#include "learner/run/run_folder.h"

namespace armature {

std::string RunIndexPath() {
  for (const auto& [variable, below] :
       {std::pair{"XDG_STATE_HOME", ""}, {"HOME", "/.local/state"}}) {
    const char* const folder = std::getenv(variable);
    if (folder != nullptr && *folder == '/') return absl::StrCat(folder, below, "/armature/runs");
  }
  return "";
}

absl::Status RememberRun(const std::string& run_dir) {
  const std::string path = RunIndexPath();
  if (path.empty()) return absl::NotFoundError("neither XDG_STATE_HOME nor HOME names a folder");
  if (absl::StrContains(run_dir, '\n')) {
    return absl::InvalidArgumentError("a path of several lines cannot be kept in one");
  }
  if (absl::c_linear_search(RememberedRuns(), run_dir)) return absl::OkStatus();
  const auto folder = MakeFolder(std::filesystem::path(path).parent_path());
  if (!folder.ok()) return folder.status();
  const int descriptor = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  // One write, so that lines of several processes do not mix. It starts with a newline to end a
  // line that a full disk cut short.
  const std::string line = absl::StrCat("\n", run_dir, "\n");
  const ssize_t written = write(descriptor, line.data(), line.size());
  const int error = written < 0 ? errno : ENOSPC;
  close(descriptor);
  if (written == static_cast<ssize_t>(line.size())) return absl::OkStatus();
  return absl::ErrnoToStatus(error, absl::StrCat("cannot write ", path));
}

std::vector<std::string> RememberedRuns() {
  const absl::StatusOr<std::string> text = ReadWholeFile(RunIndexPath());
  std::vector<std::string> runs;
  if (!text.ok()) return runs;
  std::set<absl::string_view> seen;
  for (const absl::string_view line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
    if (seen.insert(line).second) runs.emplace_back(line);
  }
  return runs;
}

}  // namespace armature
