// Makes the algorithm that a configuration names, for the environment at hand.
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

// The policy that `config` trains in such an environment.
// OK; InvalidArgument: an off-policy algorithm for a Discrete action space.
absl::StatusOr<v1::PolicySpec> MakePolicySpec(const AlgorithmConfig& config, const EnvSpec& env);

// How actors explore with that policy. Random steps end with the first version,
// which the learner publishes when they are taken.
v1::Exploration MakeExploration(const AlgorithmConfig& config);

// `seed` fixes the weights at the start and every draw after it.
// InvalidArgument: as MakePolicySpec, or config.name is of the other kind.
absl::StatusOr<std::unique_ptr<OffPolicyAlgorithm>> MakeOffPolicyAlgorithm(
    const AlgorithmConfig& config, const EnvSpec& env, uint64_t seed, c10::Device device);
absl::StatusOr<std::unique_ptr<OnPolicyAlgorithm>> MakeOnPolicyAlgorithm(
    const AlgorithmConfig& config, const EnvSpec& env, uint64_t seed, c10::Device device);

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_FACTORY_H_
