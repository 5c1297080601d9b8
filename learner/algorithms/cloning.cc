#include "learner/algorithms/cloning.h"

#include "ATen/ATen.h"

namespace armature {

std::vector<at::Tensor> Cloning::scalars() const { return {loss, kept.mean()}; }

std::vector<std::string> CloningScalars() { return {"train/cloning_loss", "train/cloned_share"}; }

std::optional<Cloning> Clone(const DemonstrationsConfig& config, const TransitionSample& sample,
                             const at::Tensor& observation, const at::Tensor& action,
                             ValueFunction value) {
  const int64_t count = sample.demonstrations;
  if (count == 0) return std::nullopt;
  const at::Tensor demonstrated = LastRows(sample.action, count);
  Cloning cloning;
  cloning.policy_weight = config.policy_weight;
  cloning.kept = at::ones({count}, action.options());
  if (config.q_filter) {
    const at::Tensor rows = LastRows(observation, count);
    cloning.kept.copy_(value(rows, demonstrated) > value(rows, action));
  }
  const at::Tensor error = (action - demonstrated) * cloning.kept.unsqueeze(1);
  cloning.loss = config.cloning_weight * error.square().sum();
  cloning.gradient = 2 * config.cloning_weight * error;
  return cloning;
}

at::Tensor LastRows(const at::Tensor& rows, int64_t count) {
  return rows.narrow(0, rows.size(0) - count, count);
}

}  // namespace armature
