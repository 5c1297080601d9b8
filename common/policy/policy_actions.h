// What stands between a policy's network and the actions of an environment, for everybody
// who acts with one.
//
// Box actions: the policy's units [-1, 1] map linearly to the environment's bounds; what is
// sent is clipped to them. (Multi)Discrete: indices, sent as they are.
// Shapes: n observations, A = ActionSpec::size().
// Thread safety: free functions.
#ifndef ARMATURE_COMMON_POLICY_POLICY_ACTIONS_H_
#define ARMATURE_COMMON_POLICY_POLICY_ACTIONS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/policy/group_actions.h"
#include "common/policy/policy_network.h"
#include "common/random/rng.h"
#include "common/spec/env_spec.h"
#include "proto/learner_service.pb.h"

namespace armature {

// OK; InvalidArgument: a policy of `policy` cannot act in `env` (says which size or head
// does not fit).
absl::Status CheckPolicyFits(const v1::PolicySpec& policy, const EnvSpec& env);

// The generator of a slot's draws: the same for the same numbers, and apart from those that
// are seeded by (seed, slot).
Rng MakeDrawGenerator(uint64_t seed, uint64_t slot);
// Fills `draws`, of one observation, with what PolicyNetwork::ActByDraws takes.
void DrawNoise(v1::PolicySpec::Head head, Rng* rng, absl::Span<float> draws);

// `output` on the CPU, in both units.
// OK; Internal: an action or its log-probability is not finite (names `policy_version`).
absl::StatusOr<GroupActions> ToActions(const PolicyNetwork::Output& output,
                                       const ActionSpec& action, uint64_t policy_version);
// Sets actions->sent from actions->stored.
void MapToBounds(const ActionSpec& action, GroupActions* actions);

}  // namespace armature

#endif  // ARMATURE_COMMON_POLICY_POLICY_ACTIONS_H_
