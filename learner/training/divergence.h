// What is said and kept of a run that cannot go on, because a loss or what it has learned
// is not finite any more.
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

// In a run's folder: the tensors that the last update learned from, a TensorFile.
inline constexpr char kDivergedBatch[] = "diverged_batch.safetensors";

// `found` (DataLoss: what is not finite) with all that helps: the gradient step, the key
// that is the most likely cause, and the range of the batch, which it writes into
// `run_dir`; which checkpoint is there, and the command to go on with. A batch that cannot be
// written is part of the sentence; none: no word of it. `resumes_here`: `run_dir` is what
// --resume takes; otherwise there is no command.
absl::Status DescribeDivergence(const absl::Status& found, const RunConfig& config,
                                int64_t learner_steps, const NamedTensors& batch,
                                const std::string& run_dir, bool resumes_here = true);

// Removes the batch of a divergence that the run in `run_dir` has got over.
void ForgetDivergence(const std::string& run_dir);

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_DIVERGENCE_H_
