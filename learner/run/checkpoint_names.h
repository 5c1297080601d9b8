// Names of checkpoint files in a folder: checkpoint_<number>.safetensors.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_RUN_CHECKPOINT_NAMES_H_
#define ARMATURE_LEARNER_RUN_CHECKPOINT_NAMES_H_

#include <cstdint>
#include <string>
#include <vector>

namespace armature {

// Returns the numbers of the checkpoints in `folder`, ascending; empty if there is no folder.
std::vector<int64_t> CheckpointNumbers(const std::string& folder);

std::string CheckpointPath(const std::string& folder, int64_t number);

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_CHECKPOINT_NAMES_H_
