// Mean and deviation of all observations seen so far, kept in float64 by Chan's
// parallel update (Chan, Golub and LeVeque 1979): for n new rows with mean b and
// squared deviations q, and delta = b - mean,
//   mean += delta n / (count + n)
//   m2   += q + delta^2 count n / (count + n)
// and published, after each, as std = sqrt(m2 / count + 1e-8).
//
// Where goals share statistics, a component of the achieved goal and that of the desired
// one are samples of one quantity, so that a distance between them keeps its meaning
// (Andrychowicz et al. 2017, arXiv:1707.01495, has one normaliser of goals too). Each row
// then counts one half for either column. With means a and b and deviations q_a and q_b,
//   mean = (a + b) / 2
//   m2   = (q_a + q_b) / 2 + n (a - b)^2 / 4
// in both columns, of new rows before they are taken in and of a state that is loaded.
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
  // Publishes into the normaliser of `policy`, which must have one and outlive it.
  // `goals` share statistics.
  explicit RunningNormalizer(const PolicyNetwork& policy,
                             const std::optional<GoalColumns>& goals = std::nullopt);

  // Takes in new raw observations, [n, D] on the policy's device.
  void Observe(const at::Tensor& observation);

  // After its state was set: publishes what it says, if it has seen anything.
  void Republish();

  // "observation_statistics.count", ".mean", ".m2", float64, sharing memory.
  NamedTensors State() const;

 private:
  void Publish();
  // In place, of n rows: means and squared deviations [D] of the columns, n [].
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
