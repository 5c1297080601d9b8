#include "common/policy/distributions.h"

#include <cmath>

#include "ATen/ATen.h"

namespace armature {
namespace {

const double kHalfLog2Pi = 0.5 * std::log(2 * M_PI);

}  // namespace

at::Tensor SquashedGaussianLogProb(const at::Tensor& noise, const at::Tensor& log_std,
                                   const at::Tensor& u) {
  const at::Tensor log_jacobian = 2 * (std::log(2.0) - u - at::softplus(-2 * u));
  return (-0.5 * noise * noise - log_std - kHalfLog2Pi - log_jacobian).sum(-1);
}

at::Tensor DiagonalGaussianLogProb(const at::Tensor& action, const at::Tensor& mean,
                                   const at::Tensor& log_std) {
  const at::Tensor noise = (action - mean) * at::exp(-log_std);
  return (-0.5 * noise * noise - log_std - kHalfLog2Pi).sum(-1);
}

}  // namespace armature
