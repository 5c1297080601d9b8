// The policy files of a run, and the states that another run can start from.
//
//   models/model_<env_steps>.safetensors  by step
//   models/model_best.safetensors         from the best evaluation so far
//   models/model_final.safetensors        from the end of the run
//   checkpoints/step_<env_steps>.safetensors  state by step: all but the experience
//
// Thread safety: free functions. Files are written atomically, so a running run can be read.
#ifndef ARMATURE_LEARNER_RUN_RUN_MODELS_H_
#define ARMATURE_LEARNER_RUN_RUN_MODELS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace armature {

inline constexpr char kFinalModel[] = "final";
inline constexpr char kBestModel[] = "best";

// <run_dir>/models/model_<name>.safetensors; `name` is "final", "best" or env steps.
std::string ModelPath(const std::string& run_dir, const std::string& name);

// <run_dir>/checkpoints/step_<env_steps>.safetensors
std::string StatePath(const std::string& run_dir, uint64_t env_steps);

// Return the env steps of the models or states by step, ascending; empty if there is no folder.
std::vector<uint64_t> ModelSteps(const std::string& run_dir);
std::vector<uint64_t> StateSteps(const std::string& run_dir);

// Returns the path of model `which`: "final", "best" or env steps. If empty: final if the run has
// ended (result.json), else the highest step, else best. Returns NotFound if there is none (lists
// the existing ones); InvalidArgument for any other `which`.
absl::StatusOr<std::string> FindModel(const std::string& run_dir, const std::string& which = "");

// Returns the path of the state at `env_steps`, or of the last state if 0. Returns NotFound if
// there is none (lists the existing ones).
absl::StatusOr<std::string> FindState(const std::string& run_dir, uint64_t env_steps);

// E.g. "final, best, 10000, 20000"; "none" if there are none.
std::string ListModels(const std::string& run_dir);

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_RUN_MODELS_H_
