// Log-probabilities of the policy distributions, shared by actors and learners. Differentiable;
// sums and logarithms are in float32.
//
// Shapes: [.., A] in, [..] out.
// Thread safety: free functions.
#ifndef ARMATURE_COMMON_POLICY_DISTRIBUTIONS_H_
#define ARMATURE_COMMON_POLICY_DISTRIBUTIONS_H_

#include "ATen/core/Tensor.h"

namespace armature {

// Bounds of a squashed Gaussian's log standard deviation (proto/learner_service.proto).
inline constexpr double kSquashedLogStdMin = -20;
inline constexpr double kSquashedLogStdMax = 2;

// Log-probability of tanh(u), where u = mean + exp(log_std) * noise:
//   sum_a -noise^2 / 2 - log_std - log(2 pi) / 2 - log(1 - tanh(u)^2),
// computed with log(1 - tanh(u)^2) = 2 (log 2 - u - softplus(-2 u)), which does not overflow or
// lose digits for large |u|.
at::Tensor SquashedGaussianLogProb(const at::Tensor& noise, const at::Tensor& log_std,
                                   const at::Tensor& u);

// Log-probability of `action` under mean + exp(log_std) * N(0, 1); log_std broadcasts.
at::Tensor DiagonalGaussianLogProb(const at::Tensor& action, const at::Tensor& mean,
                                   const at::Tensor& log_std);

}  // namespace armature

#endif  // ARMATURE_COMMON_POLICY_DISTRIBUTIONS_H_
