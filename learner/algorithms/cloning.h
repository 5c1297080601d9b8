// Behaviour cloning on the demonstrations in a batch, in addition to the policy's own loss J_pi
// (Nair et al. 2018, arXiv:1709.10089):
//   J   = policy_weight J_pi + J_c
//   J_c = cloning_weight sum_i kept_i |a_i - d_i|^2
// a_i is the policy's action without exploration, d_i the demonstrated action. kept_i is 1. With
// the Q-filter, kept_i is 1 only if Q(s_i, d_i) > Q(s_i, a_i), where Q is the algorithm's value of
// an action, such as the minimum of its critics; else 0.
//
// Shapes: B batch, whose last M rows are demonstrations; D observation size; A action size.
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_ALGORITHMS_CLONING_H_
#define ARMATURE_LEARNER_ALGORITHMS_CLONING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/functional/function_ref.h"
#include "common/run_config/algorithm_config.h"
#include "learner/algorithms/algorithm.h"

namespace armature {

// The cloning loss of one update.
struct Cloning {
  double policy_weight = 1;
  at::Tensor loss;      // J_c, []
  at::Tensor gradient;  // dJ_c / da, [M, A]
  at::Tensor kept;      // [M], 0 or 1

  // In the order of CloningScalars().
  std::vector<at::Tensor> scalars() const;
};

// Returns "train/cloning_loss" and "train/cloned_share" (the mean of kept_i).
std::vector<std::string> CloningScalars();

// Returns Q, [M], of observations, [M, D], and actions, [M, A].
using ValueFunction =
    absl::FunctionRef<at::Tensor(const at::Tensor& observation, const at::Tensor& action)>;

// `observation`, [B, D], is the batch's, normalised. `action`, [M, A], is the policy's for the last
// M rows. `value` must leave what it returned alone when it is called again. Returns nullopt if the
// batch has no demonstrations.
std::optional<Cloning> Clone(const DemonstrationsConfig& config, const TransitionSample& sample,
                             const at::Tensor& observation, const at::Tensor& action,
                             ValueFunction value);

// Returns a view of the last `count` rows.
at::Tensor LastRows(const at::Tensor& rows, int64_t count);

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_CLONING_H_
