// What a run that stops has kept, from its checkpoints on disk.
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
  uint64_t reached = 0;           // Env steps that the run had come to.
  std::optional<uint64_t> saved;  // Of these, in the newest checkpoint; nothing: there is none.
};

// Of a run whose learners have these folders and last told of so many env steps each.
SavedReport FindSaved(const std::vector<std::string>& folders,
                      const std::vector<uint64_t>& env_steps);

// "all 1,234 env steps are saved", or which are lost.
std::string SavedSentence(const SavedReport& report);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_REPORT_SAVED_REPORT_H_
