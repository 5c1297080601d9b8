// Turns a policy network's output into actions for an environment; for everything that acts with a
// policy.
//
// Box actions: the policy's range [-1, 1] maps linearly to the environment's bounds; sent actions
// are clipped to them. (Multi)Discrete actions are indices and sent unchanged.
// Shapes: n observations, A = ActionSpec::size().
// Thread safety: free functions.
#ifndef ARMATURE_COMMON_POLICY_POLICY_ACTIONS_H_
#define ARMATURE_COMMON_POLICY_POLICY_ACTIONS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/policy/group_actions.h"
#include "common/policy/policy_network.h"
#include "common/random/rng.h"
#include "common/spec/env_spec.h"
#include "proto/learner_service.pb.h"

namespace armature {

// Returns InvalidArgument if `policy` cannot act in `env`; the message says which size or head does
// not fit.
absl::Status CheckPolicyFits(const v1::PolicySpec& policy, const EnvSpec& env);

// Returns the generator for a slot's draws. It depends only on the arguments and differs from a
// generator seeded with (seed, slot).
Rng MakeDrawGenerator(uint64_t seed, uint64_t slot);
// Fills `draws` with random numbers for one observation, as PolicyNetwork::ActByDraws takes them.
void DrawNoise(v1::PolicySpec::Head head, Rng* rng, absl::Span<float> draws);

// Copies `output` to the CPU, with actions in both units. Returns Internal if an action or its
// log-probability is not finite; the message names `policy_version`.
absl::StatusOr<GroupActions> ToActions(const PolicyNetwork::Output& output,
                                       const ActionSpec& action, uint64_t policy_version);
// Sets actions->sent from actions->stored.
void MapToBounds(const ActionSpec& action, GroupActions* actions);
// The other way: returns `values`, [n, A] of a Box in the environment's units, scaled to [-1, 1].
std::vector<float> ScaleFromBounds(const ActionSpec& action, absl::Span<const float> values);

}  // namespace armature

#endif  // ARMATURE_COMMON_POLICY_POLICY_ACTIONS_H_
