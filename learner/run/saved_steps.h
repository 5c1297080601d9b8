// How far a run's newest checkpoint goes, read without its tensors: for those that must
// say what a stop has kept, and have no LibTorch.
//
// Thread safety: free functions; a run under way can be asked.
#ifndef ARMATURE_LEARNER_RUN_SAVED_STEPS_H_
#define ARMATURE_LEARNER_RUN_SAVED_STEPS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace armature {

// Env steps of the newest checkpoint in <run_dir>/checkpoints whose header can be read;
// whether its tensors are intact is not looked at.
// OK; NotFound: there is none.
absl::StatusOr<uint64_t> SavedEnvSteps(const std::string& run_dir);

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_SAVED_STEPS_H_
