// Mean and deviation of all observations seen so far, kept in float64 by Chan's
// parallel update (Chan, Golub and LeVeque 1979): for n new rows with mean b and
// squared deviations q, and delta = b - mean,
//   mean += delta n / (count + n)
//   m2   += q + delta^2 count n / (count + n)
// and published, after each, as std = sqrt(m2 / count + 1e-8).
//
// Thread safety: none.
#ifndef ARMATURE_LEARNER_ALGORITHMS_RUNNING_NORMALIZER_H_
#define ARMATURE_LEARNER_ALGORITHMS_RUNNING_NORMALIZER_H_

#include "ATen/core/Tensor.h"
#include "common/policy/policy_network.h"

namespace armature {

class RunningNormalizer {
 public:
  // Publishes into the normaliser of `policy`, which must have one and outlive it.
  explicit RunningNormalizer(const PolicyNetwork& policy);

  // Takes in new raw observations, [n, D] on the policy's device.
  void Observe(const at::Tensor& observation);

  // After its state was set: publishes what it says, if it has seen anything.
  void Republish();

  // "observation_statistics.count", ".mean", ".m2", float64, sharing memory.
  NamedTensors State() const;

 private:
  void Publish();

  at::Tensor count_;           // float64 []
  at::Tensor mean_;            // float64 [D]
  at::Tensor m2_;              // float64 [D]
  at::Tensor published_mean_;  // float32 [D], the policy's
  at::Tensor published_std_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_RUNNING_NORMALIZER_H_
