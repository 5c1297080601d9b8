// Steps of another policy, read from a file, to learn from in addition to the replay.
//
// Data flow: file of docs/demonstrations.md -> Read -> AppendTo -> OffPolicyAlgorithm. Two ways:
// cloned, which the policy imitates (cloning.h); or mere experience, which is learned from like the
// replay's.
// Bounds: the whole file, in float32, on the algorithm's device.
// Shapes: n steps, B batch, D observation size, A action size.
// Thread safety: immutable after Read.
#ifndef ARMATURE_LEARNER_TRAINING_DEMONSTRATIONS_H_
#define ARMATURE_LEARNER_TRAINING_DEMONSTRATIONS_H_

#include <cstdint>
#include <string>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "c10/core/Device.h"
#include "common/spec/env_spec.h"
#include "learner/algorithms/algorithm.h"

namespace armature {

class Demonstrations {
 public:
  struct Options {
    int64_t batch_size = 0;  // Steps that AppendTo appends.
    int64_t n_step = 1;      // As in ReplayStore.
    double gamma = 0;
    uint64_t seed = 0;
    c10::Device device = c10::kCPU;
    bool cloned = true;     // Whether the sample says that they are demonstrations.
    bool executed = false;  // Whether their executed actions are learned from.
  };
  // Returns NotFound if there is no such file; DataLoss if it is damaged; InvalidArgument if it
  // does not contain demonstrations, has no step, or a tensor is missing, has the wrong shape for
  // `env`, is not finite or exceeds the action's bounds (says which and what it should be).
  static absl::StatusOr<Demonstrations> Read(const std::string& path, const EnvSpec& env,
                                             const Options& options);

  int64_t steps() const { return steps_.reward.size(0); }
  // [n, D], raw.
  const at::Tensor& observation() const { return steps_.observation; }

  // Returns `sample` followed by batch_size steps, drawn uniformly with replacement. The draw
  // depends only on the seed and `learner_step`.
  TransitionSample AppendTo(const TransitionSample& sample, int64_t learner_step) const;

 private:
  Demonstrations(const Options& options, TransitionSample steps);

  Options options_;
  TransitionSample steps_;  // All n; runs of up to n_step steps.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_DEMONSTRATIONS_H_
