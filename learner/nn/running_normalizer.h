// Mean and standard deviation of all observations so far, in float64. Uses Chan's parallel update
// (Chan, Golub and LeVeque 1979): for n new rows with mean b and sum of squared deviations q, and
// delta = b - mean,
//   mean += delta n / (count + n)
//   m2   += q + delta^2 count n / (count + n)
// After each update it publishes std = sqrt(m2 / count + 1e-8).
//
// Achieved and desired goals can share statistics: each pair of components is treated as one
// quantity, so that a distance between them keeps its meaning (as in Andrychowicz et al. 2017,
// arXiv:1707.01495). Each row then counts one half for each of the two columns. With means a and b
// and sums of squared deviations q_a and q_b,
//   mean = (a + b) / 2
//   m2   = (q_a + q_b) / 2 + n (a - b)^2 / 4
// in both columns. This is done to new rows before they are added, and to a loaded state.
//
// Thread safety: none.
#ifndef ARMATURE_LEARNER_NN_RUNNING_NORMALIZER_H_
#define ARMATURE_LEARNER_NN_RUNNING_NORMALIZER_H_

#include <optional>

#include "ATen/core/Tensor.h"
#include "common/policy/policy_network.h"
#include "common/spec/goal_columns.h"

namespace armature {

class RunningNormalizer {
 public:
  // Publishes into the normaliser of `policy`, which must have one and outlive this object. The
  // columns in `goals` share statistics.
  explicit RunningNormalizer(const PolicyNetwork& policy,
                             const std::optional<GoalColumns>& goals = std::nullopt);

  // Adds new raw observations, [n, D] on the policy's device.
  void Observe(const at::Tensor& observation);

  // Call after setting the state. Publishes it if it contains any observations.
  void Republish();

  // "observation_statistics.count", ".mean", ".m2": float64, sharing memory with this object.
  NamedTensors State() const;

 private:
  void Publish();
  // Pools goal columns in place. `mean` and `m2`, [D], describe n rows; n is [].
  void PoolGoals(const at::Tensor& n, const at::Tensor& mean, const at::Tensor& m2) const;

  const std::optional<GoalColumns> goals_;
  at::Tensor count_;           // float64 []
  at::Tensor mean_;            // float64 [D]
  at::Tensor m2_;              // float64 [D]
  at::Tensor published_mean_;  // float32 [D], the policy's
  at::Tensor published_std_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_NN_RUNNING_NORMALIZER_H_
