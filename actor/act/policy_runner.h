// Computes actions for all slots that are ready, in one forward pass.
//
// Units: common/policy/policy_actions.h. Exploration is explorer.h's and
// parameter_noise.h's, and absent from deterministic actions.
// Shapes: B rows; D observation size; A = ActionSpec::size().
// Every slot has its own random generators. With `fixed_rows`, all passes have the same shape and
// each slot has its own row, so that its actions depend, bit for bit, only on its seed,
// observations and policies. Otherwise the rounding of a matrix product may depend on its number of
// rows.
// Thread safety: compatible; one runner per thread.
#ifndef ARMATURE_ACTOR_ACT_POLICY_RUNNER_H_
#define ARMATURE_ACTOR_ACT_POLICY_RUNNER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "actor/act/explorer.h"
#include "actor/act/parameter_noise.h"
#include "actor/act/policy_store.h"
#include "c10/core/Device.h"
#include "common/policy/group_actions.h"
#include "common/random/rng.h"
#include "common/spec/env_spec.h"
#include "proto/learner_service.pb.h"

namespace armature {

class PolicyRunner {
 public:
  struct Options {
    EnvSpec env;
    v1::PolicySpec policy;
    v1::Exploration exploration;
    int64_t num_slots = 0;  // Slots that Run may name: 0 .. num_slots - 1.
    c10::Device device = c10::Device(c10::kCPU);
    uint64_t seed = 0;
    bool fixed_rows = false;  // In Run.
  };
  // Returns InvalidArgument if the policy does not fit the environment, or a number of the
  // exploration is out of bounds; the message says which.
  static absl::StatusOr<std::unique_ptr<PolicyRunner>> Create(const Options& options);

  // Whether it can act: `policy` has a network, or exploration still acts at random.
  bool CanAct(const PolicySnapshot& policy) const;

  // Restarts all slots' generators, as if created with this seed.
  void Reseed(uint64_t seed);
  // Call it before the first action of `slot` after a reset.
  void BeginEpisode(int64_t slot) {
    explorer_.BeginEpisode(slot);
    if (parameter_noise_) parameter_noise_->BeginEpisode(slot);
  }

  // Returns actions for training, with exploration. `observation`: float32 [B, D], raw; `slots`:
  // [B], the slot of each row, each at most once. Call it only if CanAct.
  // Returns Internal if the network gave an action that is not finite.
  absl::StatusOr<GroupActions> Run(const PolicySnapshot& policy,
                                   const std::vector<float>& observation,
                                   absl::Span<const int64_t> slots);
  // Returns the policy's mode; otherwise like Run. `policy` must have a network.
  absl::StatusOr<GroupActions> RunDeterministic(const PolicySnapshot& policy,
                                                const std::vector<float>& observation);

  // Null if exploration has no parameter noise.
  const ParameterNoise* parameter_noise() const { return parameter_noise_.get(); }

 private:
  PolicyRunner(const Options& options, Explorer explorer,
               std::unique_ptr<ParameterNoise> parameter_noise);

  // `observation`: [slots.size(), D]; one row per slot.
  absl::StatusOr<GroupActions> Draw(const PolicySnapshot& policy,
                                    const std::vector<float>& observation,
                                    absl::Span<const int64_t> slots);
  void DrawUniform(absl::Span<const int64_t> slots, GroupActions* actions);
  // `observation` as in Draw.
  void Explore(const PolicySnapshot& policy, const std::vector<float>& observation,
               absl::Span<const int64_t> slots, GroupActions* actions);

  const ActionSpec action_;
  const int64_t observation_size_;
  const v1::PolicySpec::Head head_;
  const c10::Device device_;
  const int64_t fixed_rows_;  // 0: one row per slot in the pass.
  Explorer explorer_;
  const std::unique_ptr<ParameterNoise> parameter_noise_;  // May be null.
  std::vector<Rng> draws_;                                 // By slot.
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_ACT_POLICY_RUNNER_H_
