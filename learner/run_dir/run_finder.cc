#include "learner/run_dir/run_finder.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <tuple>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/config/config.h"
#include "learner/checkpoint/atomic_file.h"
#include "nlohmann/json.hpp"

namespace armature {
namespace {

namespace fs = std::filesystem;

// So that a name such as "abc" is not taken for the beginning of an id.
constexpr size_t kIdDigitsMin = 4;

bool IsRun(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(path + "/run.json", ignored);
}

std::string NameOf(const FoundRun& run) { return fs::path(run.path).parent_path().filename(); }

}  // namespace

std::string RunIdOf(const std::string& run_dir) {
  const absl::StatusOr<std::string> text = ReadWholeFile(run_dir + "/run.json");
  if (!text.ok()) return "";
  const auto run = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  const bool named = run.is_object() && run.contains("run_id") && run["run_id"].is_string();
  return named ? run["run_id"].get<std::string>() : "";
}

std::vector<FoundRun> ListRuns(const std::string& output_dir) {
  std::vector<FoundRun> runs;
  std::error_code error;
  fs::recursive_directory_iterator entries(output_dir,
                                           fs::directory_options::skip_permission_denied, error);
  for (; entries != fs::recursive_directory_iterator(); entries.increment(error)) {
    const std::string path = entries->path().string();
    std::error_code ignored;
    if (!entries->is_directory(ignored) || !IsRun(path)) continue;
    entries.disable_recursion_pending();
    runs.push_back({path, RunIdOf(path)});
  }
  std::sort(runs.begin(), runs.end(), [](const FoundRun& a, const FoundRun& b) {
    const auto key = [](const FoundRun& run) {
      return std::tuple(fs::path(run.path).filename().string(), run.path);
    };
    return key(a) > key(b);
  });
  return runs;
}

absl::StatusOr<std::string> FindRun(const std::string& run, const std::string& output_dir) {
  std::error_code ignored;
  // One that ended before it wrote run.json can be resumed too.
  if (fs::is_regular_file(run + "/config.yaml", ignored)) return run;
  const std::vector<FoundRun> runs = ListRuns(output_dir);
  std::vector<std::string> names;
  for (const FoundRun& found : runs) {
    if (NameOf(found) == run) return found.path;
    names.push_back(NameOf(found));
  }
  std::vector<std::string> paths;
  if (run.size() >= kIdDigitsMin && absl::c_all_of(run, absl::ascii_isxdigit)) {
    for (const FoundRun& found : runs) {
      if (absl::StartsWith(found.run_id, run)) paths.push_back(found.path);
    }
  }
  if (paths.size() == 1) return paths.front();
  if (paths.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("several run ids begin with ", run, ": ", absl::StrJoin(paths, ", ")));
  }
  if (fs::is_directory(run, ignored)) {
    return absl::NotFoundError(absl::StrCat(run, " is not a run: it has no config.yaml"));
  }
  const std::string nearest = NearestName(run, names);
  return absl::NotFoundError(absl::StrCat(
      "no run '", run, "': neither a run's folder nor the name or the id of one below ", output_dir,
      nearest.empty() ? "" : absl::StrCat("; the nearest is ", nearest)));
}

}  // namespace armature
