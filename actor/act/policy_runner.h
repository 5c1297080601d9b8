// Turns the observations of every slot that is ready into actions, in one forward
// pass.
//
// Units: common/policy/policy_actions.h. Exploration is explorer.h's and
// parameter_noise.h's, and absent from deterministic actions.
// Shapes: B rows; D observation size; A = ActionSpec::size().
// Every slot draws from generators of its own. With `fixed_rows` each slot has its
// own row in passes of one shape, so that the bits of its actions depend on its seed,
// observations and policies alone; otherwise the rounding of a matrix product may
// depend on how many rows it has.
// Thread safety: compatible; one runner a thread.
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
    int64_t num_slots = 0;  // That Run may name.
    c10::Device device = c10::Device(c10::kCPU);
    uint64_t seed = 0;
    bool fixed_rows = false;  // In Run.
  };
  // OK; InvalidArgument: the policy does not fit the environment, or a number of
  // the exploration is out of its bounds (says how).
  static absl::StatusOr<std::unique_ptr<PolicyRunner>> Create(const Options& options);

  // Whether there is something to act with: a network, or the exploration's
  // leave to act at random.
  bool CanAct(const PolicySnapshot& policy) const;

  // All slots' generators begin anew, as if created with this seed.
  void Reseed(uint64_t seed);
  // `slot`, which stands before its first action since it was reset.
  void BeginEpisode(int64_t slot) {
    explorer_.BeginEpisode(slot);
    if (parameter_noise_) parameter_noise_->BeginEpisode(slot);
  }

  // To learn from. `observation`: float32 [B, D], raw; `slots`: [B], whose they are,
  // each once. Call only when CanAct.
  // OK; Internal: the network gave an action that is not finite.
  absl::StatusOr<GroupActions> Run(const PolicySnapshot& policy,
                                   const std::vector<float>& observation,
                                   absl::Span<const int64_t> slots);
  // The policy's mode. `policy` must have a network. Otherwise as Run.
  absl::StatusOr<GroupActions> RunDeterministic(const PolicySnapshot& policy,
                                                const std::vector<float>& observation);

  // Null: the exploration has none.
  const ParameterNoise* parameter_noise() const { return parameter_noise_.get(); }

 private:
  PolicyRunner(const Options& options, Explorer explorer,
               std::unique_ptr<ParameterNoise> parameter_noise);

  // `observation`: [slots.size(), D]; one row a slot.
  absl::StatusOr<GroupActions> Draw(const PolicySnapshot& policy,
                                    const std::vector<float>& observation,
                                    absl::Span<const int64_t> slots);
  void DrawUniform(absl::Span<const int64_t> slots, GroupActions* actions);
  // `observation` as for Draw.
  void Explore(const PolicySnapshot& policy, const std::vector<float>& observation,
               absl::Span<const int64_t> slots, GroupActions* actions);

  const ActionSpec action_;
  const int64_t observation_size_;
  const v1::PolicySpec::Head head_;
  const c10::Device device_;
  const int64_t fixed_rows_;  // 0: as many as there are slots in the pass.
  Explorer explorer_;
  const std::unique_ptr<ParameterNoise> parameter_noise_;  // Null: none.
  std::vector<Rng> draws_;                                 // By slot.
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_ACT_POLICY_RUNNER_H_
