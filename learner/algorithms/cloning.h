// Behaviour cloning beside the policy's own loss J_pi (Nair et al. 2018,
// arXiv:1709.10089), on the demonstrations in a batch:
//   J   = policy_weight J_pi + J_c
//   J_c = cloning_weight sum_i kept_i |a_i - d_i|^2
// where a_i is the action that the policy takes when it does not explore and d_i the
// demonstrated one. kept_i is 1; with the Q-filter it is 1 only where
// Q(s_i, d_i) > Q(s_i, a_i), Q the least of the critics.
//
// Shapes: B batch, its last M rows demonstrations; D observation size; A action size.
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_ALGORITHMS_CLONING_H_
#define ARMATURE_LEARNER_ALGORITHMS_CLONING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "common/run_config/algorithm_config.h"
#include "learner/algorithms/algorithm.h"
#include "learner/nn/critics.h"

namespace armature {

// Of one update.
struct Cloning {
  double policy_weight = 1;
  at::Tensor loss;      // J_c, []
  at::Tensor gradient;  // dJ_c / da, [M, A]
  at::Tensor kept;      // [M], 0 or 1

  // As CloningScalars() names them.
  std::vector<at::Tensor> scalars() const;
};

// "train/cloning_loss" and "train/cloned_share", the mean of kept_i.
std::vector<std::string> CloningScalars();

// Of a batch with `observation` [B, D], normalised; `action` [M, A] is the policy's at its
// last M rows. Without demonstrations in it: nullopt.
std::optional<Cloning> Clone(const DemonstrationsConfig& config, const TransitionSample& sample,
                             const at::Tensor& observation, const at::Tensor& action,
                             Critics* critics);

// A view of the last `count` rows.
at::Tensor LastRows(const at::Tensor& rows, int64_t count);

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_CLONING_H_
