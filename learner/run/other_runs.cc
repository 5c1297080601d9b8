#include "learner/run/other_runs.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "learner/run/run_finder.h"
#include "learner/run/run_models.h"

namespace armature {

absl::StatusOr<std::string> FindNamedRun(const std::string& run,
                                         const std::vector<std::string>& words) {
  std::string output_dir = RunSection().output_dir;
  for (const std::string& word : words) {
    absl::string_view value = word;
    if (absl::ConsumePrefix(&value, "run.output_dir=")) output_dir = std::string(value);
  }
  return FindRun(run, output_dir);
}

absl::Status ResolveLoad(RunSection* run) {
  if (run->load.empty()) return absl::OkStatus();
  const absl::StatusOr<std::string> folder = FindRun(run->load, run->output_dir);
  if (!folder.ok()) {
    return absl::Status(folder.status().code(),
                        absl::StrCat("run.load: ", folder.status().message()));
  }
  if (const auto state = FindState(*folder, run->load_step); !state.ok()) {
    return absl::Status(state.status().code(), absl::StrCat("run.load_step=", run->load_step, ": ",
                                                            state.status().message()));
  }
  run->load = std::filesystem::absolute(*folder).string();
  return absl::OkStatus();
}

}  // namespace armature
