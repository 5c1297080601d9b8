// Turns the observations of every slot that is ready into actions, in one forward
// pass.
//
// Box actions: the policy's units [-1, 1] map linearly to the environment's bounds;
// what is sent is clipped to them. Exploration (absent when deterministic):
// uniformly random actions until its version, normal noise for HEAD_TANH.
// Shapes: B rows; D observation size; A = ActionSpec::size().
// Thread safety: compatible; one runner a thread. The same seed, observations and
// policies give the same actions.
#ifndef ARMATURE_ACTOR_POLICY_RUNNER_H_
#define ARMATURE_ACTOR_POLICY_RUNNER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "actor/group_actions.h"
#include "actor/policy_store.h"
#include "c10/core/Device.h"
#include "common/random/rng.h"
#include "common/spec/env_spec.h"
#include "proto/learner_service.pb.h"

namespace armature {

class PolicyRunner {
 public:
  // OK; InvalidArgument: `policy` does not fit the environment (says how).
  static absl::StatusOr<std::unique_ptr<PolicyRunner>> Create(const EnvSpec& env,
                                                              const v1::PolicySpec& policy,
                                                              const v1::Exploration& exploration,
                                                              c10::Device device, uint64_t seed);
  ~PolicyRunner();

  // Whether there is something to act with: a network, or the exploration's
  // leave to act at random.
  bool CanAct(const PolicySnapshot& policy) const;

  // `observation`: float32 [B, D], raw. Call only when CanAct; deterministic acts
  // need a network.
  // OK; Internal: the network gave an action that is not finite.
  absl::StatusOr<GroupActions> Run(const PolicySnapshot& policy,
                                   const std::vector<float>& observation, bool deterministic);

 private:
  struct Generator;  // Hides LibTorch's headers.

  PolicyRunner(const EnvSpec& env, const v1::PolicySpec& policy, const v1::Exploration& exploration,
               c10::Device device, uint64_t seed);

  void DrawUniform(int64_t rows, GroupActions* actions);
  absl::Status Forward(const PolicySnapshot& policy, const std::vector<float>& observation,
                       bool deterministic, GroupActions* actions);
  void AddNoise(std::vector<float>* action);
  void MapToBounds(GroupActions* actions) const;

  const ActionSpec action_;
  const int64_t observation_size_;
  const v1::PolicySpec::Head head_;
  const uint64_t random_until_version_;
  const double normal_noise_std_;
  const c10::Device device_;
  Rng rng_;
  std::unique_ptr<Generator> generator_;
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_POLICY_RUNNER_H_
