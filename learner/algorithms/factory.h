// Makes the algorithm that a configuration names, for a given environment.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_ALGORITHMS_FACTORY_H_
#define ARMATURE_LEARNER_ALGORITHMS_FACTORY_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "c10/core/Device.h"
#include "common/run_config/algorithm_config.h"
#include "common/spec/env_spec.h"
#include "learner/algorithms/algorithm.h"
#include "proto/learner_service.pb.h"

namespace armature {

// Returns the policy that `config` trains in `env`. Returns InvalidArgument if an off-policy
// algorithm has a Discrete action space, or if `env` does not report what `config` learns from.
absl::StatusOr<v1::PolicySpec> MakePolicySpec(const AlgorithmConfig& config, const EnvSpec& env);

// Returns how actors explore with that policy. They act at random until the first version, which
// the learner publishes once the random steps are taken.
v1::Exploration MakeExploration(const AlgorithmConfig& config);

// Returns which action of a step actors store.
v1::StoredAction StoredActionOf(const AlgorithmConfig& config);

// `seed` determines the initial weights and all later draws. Returns InvalidArgument as
// MakePolicySpec does, or if config.name is an algorithm of the other kind.
absl::StatusOr<std::unique_ptr<OffPolicyAlgorithm>> MakeOffPolicyAlgorithm(
    const AlgorithmConfig& config, const EnvSpec& env, uint64_t seed, c10::Device device);
absl::StatusOr<std::unique_ptr<OnPolicyAlgorithm>> MakeOnPolicyAlgorithm(
    const AlgorithmConfig& config, const EnvSpec& env, uint64_t seed, c10::Device device);

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_FACTORY_H_
