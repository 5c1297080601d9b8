// Reads how far a run's newest checkpoint goes, without its tensors. For programs without LibTorch
// that report what a stop has kept.
//
// Thread safety: free functions; the run may be running.
#ifndef ARMATURE_LEARNER_RUN_SAVED_STEPS_H_
#define ARMATURE_LEARNER_RUN_SAVED_STEPS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace armature {

// Returns the env steps of the newest checkpoint in <run_dir>/checkpoints with a readable header.
// Does not check its tensors. Returns NotFound if there is none.
absl::StatusOr<uint64_t> SavedEnvSteps(const std::string& run_dir);

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_SAVED_STEPS_H_
