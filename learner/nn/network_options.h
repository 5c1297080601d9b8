// Settings of an algorithm's networks that the policy's specification does not have.
#ifndef ARMATURE_LEARNER_NN_NETWORK_OPTIONS_H_
#define ARMATURE_LEARNER_NN_NETWORK_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "common/spec/goal_columns.h"
#include "learner/nn/mlp.h"

namespace armature {

struct NetworkOptions {
  std::vector<int64_t> critic_hidden_sizes;  // If empty, as in the policy.
  bool critic_layer_norm = false;            // Even if the policy has none.
  std::optional<GoalColumns> goals;          // These columns share normaliser statistics.
  // How initial weights are drawn; if absent, the algorithm decides. A critic's output_gain is 1.
  std::optional<Initialization> policy_initialization;

  // The shape of `members` networks that value what `policy` does, side by side.
  MlpShape CriticShape(const v1::PolicySpec& policy, int64_t members, int64_t inputs,
                       int64_t outputs) const {
    MlpShape shape = ShapeLike(policy, members, inputs, outputs, critic_hidden_sizes);
    shape.layer_norm = shape.layer_norm || critic_layer_norm;
    return shape;
  }

  Initialization policy(const Initialization& own) const {
    return policy_initialization.value_or(own);
  }
  Initialization critic(const Initialization& own) const {
    if (!policy_initialization.has_value()) return own;
    return {policy_initialization->kind, policy_initialization->hidden_gain, /*output_gain=*/1};
  }
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_NN_NETWORK_OPTIONS_H_
