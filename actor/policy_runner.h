// Turns the observations of every slot that is ready into actions, in one forward
// pass.
//
// Box actions: the policy's units [-1, 1] map linearly to the environment's bounds;
// what is sent is clipped to them. Exploration is explorer.h's, and absent from
// deterministic actions.
// Shapes: B rows; D observation size; A = ActionSpec::size().
// Thread safety: compatible; one runner a thread. The same seed, observations and
// policies give the same actions. (What a stochastic policy draws depends on the
// other rows of its pass too; what the explorer draws does not.)
#ifndef ARMATURE_ACTOR_POLICY_RUNNER_H_
#define ARMATURE_ACTOR_POLICY_RUNNER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "actor/explorer.h"
#include "actor/group_actions.h"
#include "actor/policy_store.h"
#include "c10/core/Device.h"
#include "common/spec/env_spec.h"
#include "proto/learner_service.pb.h"

namespace armature {

class PolicyRunner {
 public:
  struct Options {
    EnvSpec env;
    v1::PolicySpec policy;
    v1::Exploration exploration;
    int64_t num_slots = 0;  // That Run may name.
    c10::Device device = c10::Device(c10::kCPU);
    uint64_t seed = 0;
  };
  // OK; InvalidArgument: the policy does not fit the environment, or a number of
  // the exploration is out of its bounds (says how).
  static absl::StatusOr<std::unique_ptr<PolicyRunner>> Create(const Options& options);
  ~PolicyRunner();

  // Whether there is something to act with: a network, or the exploration's
  // leave to act at random.
  bool CanAct(const PolicySnapshot& policy) const;

  // `slot`, which stands before its first action since it was reset.
  void BeginEpisode(int64_t slot) { explorer_.BeginEpisode(slot); }

  // To learn from. `observation`: float32 [B, D], raw; `slots`: [B], whose they are,
  // each once. Call only when CanAct.
  // OK; Internal: the network gave an action that is not finite.
  absl::StatusOr<GroupActions> Run(const PolicySnapshot& policy,
                                   const std::vector<float>& observation,
                                   absl::Span<const int64_t> slots);
  // The policy's mode. `policy` must have a network. Otherwise as Run.
  absl::StatusOr<GroupActions> RunDeterministic(const PolicySnapshot& policy,
                                                const std::vector<float>& observation);

 private:
  struct Generator;  // Hides LibTorch's headers.

  PolicyRunner(const Options& options, Explorer explorer);

  absl::StatusOr<GroupActions> Forward(const PolicySnapshot& policy,
                                       const std::vector<float>& observation, bool deterministic);
  void DrawUniform(absl::Span<const int64_t> slots, GroupActions* actions);
  void Explore(absl::Span<const int64_t> slots, GroupActions* actions);
  void MapToBounds(GroupActions* actions) const;

  const ActionSpec action_;
  const int64_t observation_size_;
  const v1::PolicySpec::Head head_;
  const c10::Device device_;
  Explorer explorer_;
  std::unique_ptr<Generator> generator_;
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_POLICY_RUNNER_H_
