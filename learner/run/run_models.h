// Which policy files a run has, what of it another run can begin from, and which one
// is meant.
//
//   models/model_<env_steps>.safetensors  by step
//   models/model_best.safetensors         of the best evaluation so far
//   models/model_final.safetensors        what the run ended with
//   checkpoints/step_<env_steps>.safetensors  by step, all but the experience
//
// Thread safety: free functions; each is written whole, so a run under way can be read.
#ifndef ARMATURE_LEARNER_RUN_RUN_MODELS_H_
#define ARMATURE_LEARNER_RUN_RUN_MODELS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace armature {

inline constexpr char kFinalModel[] = "final";
inline constexpr char kBestModel[] = "best";

// <run_dir>/models/model_<name>.safetensors; `name`: as above, or env steps.
std::string ModelPath(const std::string& run_dir, const std::string& name);

// <run_dir>/checkpoints/step_<env_steps>.safetensors
std::string StatePath(const std::string& run_dir, uint64_t env_steps);

// The env steps of the models, or of the states, by step, ascending; none where there
// is no folder.
std::vector<uint64_t> ModelSteps(const std::string& run_dir);
std::vector<uint64_t> StateSteps(const std::string& run_dir);

// The path of the model that `which` names: "final", "best" or env steps, or, empty:
// final where the run has ended (result.json), else the highest step, else best.
// OK; NotFound: there is none (lists those that there are); InvalidArgument: `which`
// is none of these.
absl::StatusOr<std::string> FindModel(const std::string& run_dir, const std::string& which = "");

// The path of the state at `env_steps`; 0: the last one.
// OK; NotFound: there is none (lists those that there are).
absl::StatusOr<std::string> FindState(const std::string& run_dir, uint64_t env_steps);

// "final, best, 10000, 20000"; "none" where there are none.
std::string ListModels(const std::string& run_dir);

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_RUN_MODELS_H_
