// Reports what a stopping run has saved, from its checkpoints on disk.
//
// Thread safety: free functions.
#ifndef ARMATURE_DEPLOY_LAUNCHER_REPORT_SAVED_REPORT_H_
#define ARMATURE_DEPLOY_LAUNCHER_REPORT_SAVED_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace armature {

struct SavedReport {
  uint64_t reached = 0;           // Env steps that the run has reached.
  std::optional<uint64_t> saved;  // Of these, in the newest checkpoint; nothing if there is none.
};

// `folders` are the learners' folders, `env_steps` their last reported env steps.
SavedReport FindSaved(const std::vector<std::string>& folders,
                      const std::vector<uint64_t>& env_steps);

// Returns "all 1,234 env steps are saved", or says which are lost.
std::string SavedSentence(const SavedReport& report);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_REPORT_SAVED_REPORT_H_
