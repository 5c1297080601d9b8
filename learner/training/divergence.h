// Explains to the user that a run cannot continue because a loss or something it has learned is no
// longer finite. Keeps the evidence.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_TRAINING_DIVERGENCE_H_
#define ARMATURE_LEARNER_TRAINING_DIVERGENCE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "common/policy/named_tensors.h"
#include "common/run_config/run_config.h"

namespace armature {

// File in the run's folder with the tensors of the last update, a TensorFile.
inline constexpr char kDivergedBatch[] = "diverged_batch.safetensors";

// Returns `found` (a DataLoss that says what is not finite) with details: the gradient step, the
// most likely configuration key, the range of the batch, the existing checkpoint and the command to
// continue. Writes the batch into `run_dir`; the message says if that failed. An empty batch is not
// mentioned. If `resumes_here` is false, --resume does not take `run_dir` and the message has no
// command.
absl::Status DescribeDivergence(const absl::Status& found, const RunConfig& config,
                                int64_t learner_steps, const NamedTensors& batch,
                                const std::string& run_dir, bool resumes_here = true);

// Removes the batch of an earlier divergence that the run in `run_dir` has recovered from.
void ForgetDivergence(const std::string& run_dir);

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_DIVERGENCE_H_
