#include "learner/run/run_finder.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <system_error>
#include <tuple>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/config/config.h"
#include "common/files/atomic_file.h"
#include "learner/run/run_index.h"
#include "nlohmann/json.hpp"

namespace armature {
namespace {

namespace fs = std::filesystem;

// So that a name like "abc" is not taken for the start of an id.
constexpr size_t kIdDigitsMin = 4;

bool IsRun(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(path + "/run.json", ignored);
}

FoundRun ReadRun(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadWholeFile(path + "/run.json");
  const auto json = nlohmann::json::parse(text.value_or(""), nullptr, /*allow_exceptions=*/false);
  const auto value = [&json](const char* key) {
    const bool has = json.is_object() && json.contains(key) && json[key].is_string();
    return has ? json[key].get<std::string>() : "";
  };
  FoundRun run = {path, value("run_id"), value("name"), value("begun")};
  if (run.name.empty()) run.name = fs::path(path).parent_path().filename();
  if (run.begun.empty()) run.begun = fs::path(path).filename();
  return run;
}

// Whether it has saved anything that can be played or continued from.
bool HasSaved(const std::string& path) {
  for (const char* folder : {"/models", "/checkpoints"}) {
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(path + folder, error)) {
      if (entry.path().extension() == ".safetensors") return true;
    }
  }
  return false;
}

void NewestFirst(std::vector<FoundRun>* runs) {
  std::sort(runs->begin(), runs->end(), [](const FoundRun& a, const FoundRun& b) {
    return std::tie(a.begun, a.path) > std::tie(b.begun, b.path);
  });
}

// The remembered runs that still exist.
std::vector<FoundRun> ListRemembered() {
  std::vector<FoundRun> runs;
  for (const std::string& path : RememberedRuns()) {
    if (IsRun(path)) runs.push_back(ReadRun(path));
  }
  NewestFirst(&runs);
  return runs;
}

// Returns an empty path if none matches; InvalidArgument as FindRun.
absl::StatusOr<std::string> FindAmong(const std::string& run, const std::vector<FoundRun>& runs) {
  std::string newest;
  for (const FoundRun& found : runs) {
    if (found.name != run) continue;
    if (HasSaved(found.path)) return found.path;
    if (newest.empty()) newest = found.path;
  }
  if (!newest.empty()) return newest;
  if (run.size() < kIdDigitsMin || !absl::c_all_of(run, absl::ascii_isxdigit)) return "";
  std::vector<std::string> paths;
  for (const FoundRun& found : runs) {
    if (absl::StartsWith(found.run_id, run)) paths.push_back(found.path);
  }
  if (paths.size() < 2) return paths.empty() ? "" : paths.front();
  return absl::InvalidArgumentError(
      absl::StrCat("several run ids begin with ", run, ": ", absl::StrJoin(paths, ", ")));
}

}  // namespace

std::string RunIdOf(const std::string& run_dir) { return ReadRun(run_dir).run_id; }

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
    runs.push_back(ReadRun(path));
  }
  NewestFirst(&runs);
  return runs;
}

absl::StatusOr<std::string> FindRun(const std::string& run, const std::string& output_dir) {
  std::error_code ignored;
  // A run that ended before it wrote run.json can be resumed too.
  if (fs::is_regular_file(run + "/config.yaml", ignored)) return run;
  std::vector<std::string> names;
  for (const auto& list :
       {std::function([&] { return ListRuns(output_dir); }), std::function(ListRemembered)}) {
    const std::vector<FoundRun> runs = list();
    absl::StatusOr<std::string> found = FindAmong(run, runs);
    if (!found.ok() || !found->empty()) return found;
    for (const FoundRun& each : runs) names.push_back(each.name);
  }
  if (fs::is_directory(run, ignored)) {
    return absl::NotFoundError(absl::StrCat(run, " is not a run: it has no config.yaml"));
  }
  const std::string nearest = NearestName(run, names);
  return absl::NotFoundError(absl::StrCat(
      "no run '", run, "': neither a run's folder nor the name or the id of one below ", output_dir,
      " or in ", RunIndexPath(),
      nearest.empty() ? "" : absl::StrCat("; the nearest is ", nearest)));
}

}  // namespace armature
