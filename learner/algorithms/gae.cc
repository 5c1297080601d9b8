#include "learner/algorithms/gae.h"

#include "ATen/ATen.h"

namespace armature {

at::Tensor Advantages(const TrajectorySet& set, const at::Tensor& value,
                      const at::Tensor& final_value, double gamma, double gae_lambda) {
  const int64_t steps = set.reward.size(0);
  const at::Tensor ended = at::maximum(set.terminated, set.truncated);
  at::Tensor next_value = value.narrow(0, 1, steps);
  if (final_value.size(0) > 0) {
    // The row of a step's final observation is the number of ends up to and including that step,
    // minus one.
    const at::Tensor row = (ended.reshape({-1}).cumsum(0) - 1).clamp_min_(0).to(at::kLong);
    const at::Tensor final_at_step = final_value.index_select(0, row).view_as(ended);
    next_value = at::where(ended > 0, final_at_step, next_value);
  }
  next_value = next_value * (1 - set.terminated);

  const at::Tensor delta =
      set.valid * (set.reward + gamma * next_value - value.narrow(0, 0, steps));
  const at::Tensor decay = set.valid * (1 - ended) * (gamma * gae_lambda);
  at::Tensor advantage = at::empty_like(delta);
  at::Tensor later = at::zeros_like(delta[0]);
  for (int64_t t = steps - 1; t >= 0; --t) {
    later = at::addcmul(delta[t], decay[t], later);
    advantage[t].copy_(later);
  }
  return advantage;
}

}  // namespace armature
