#include "deploy/launcher/report/saved_report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "deploy/launcher/report/progress_report.h"
#include "learner/run/saved_steps.h"

namespace armature {

SavedReport FindSaved(const std::vector<std::string>& folders,
                      const std::vector<uint64_t>& env_steps) {
  SavedReport report;
  for (size_t i = 0; i < folders.size(); ++i) {
    const absl::StatusOr<uint64_t> saved = SavedEnvSteps(folders[i]);
    if (saved.ok()) report.saved = report.saved.value_or(0) + *saved;
    // The last report may be older than the checkpoint.
    report.reached += std::max(env_steps[i], saved.value_or(0));
  }
  return report;
}

std::string SavedSentence(const SavedReport& report) {
  const std::string reached = WithCommas(report.reached);
  if (!report.saved) {
    return absl::StrCat("no checkpoint was written: ", reached, " env steps are lost");
  }
  if (*report.saved == report.reached) return absl::StrCat("all ", reached, " env steps are saved");
  return absl::StrCat("the newest checkpoint has ", WithCommas(*report.saved), " of ", reached,
                      " env steps: the last ", WithCommas(report.reached - *report.saved),
                      " are lost");
}

}  // namespace armature
