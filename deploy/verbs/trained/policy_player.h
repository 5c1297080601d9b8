// A trained policy as a SlotPlayer, on the CPU and one thread.
//
// The network runs for one observation at a time: in a larger pass the last bit of
// a sum may depend on how many rows there are, and an episode's course with it.
// Stochastic: every episode draws from a generator of its own.
// Thread safety: compatible; sets the thread's number of LibTorch threads.
#ifndef ARMATURE_DEPLOY_VERBS_TRAINED_POLICY_PLAYER_H_
#define ARMATURE_DEPLOY_VERBS_TRAINED_POLICY_PLAYER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/play/slot_player.h"
#include "common/policy/policy_network.h"
#include "common/random/rng.h"
#include "common/spec/env_spec.h"
#include "proto/learner_service.pb.h"

namespace armature {

class PolicyPlayer final : public SlotPlayer {
 public:
  struct Options {
    EnvSpec env;      // That is acted in.
    EnvSpec trained;  // That the policy was trained in.
    v1::PolicySpec policy;
    bool deterministic = true;  // The policy's mode; else drawn from it.
    uint64_t seed = 0;          // Of what is drawn.
  };
  // OK; FailedPrecondition: the environment observes or takes something else than the
  // one of the training (names it; FitObservation says what fits); DataLoss: the
  // checksum of `weights` is wrong; InvalidArgument: they do not fit the policy, the
  // policy does not fit the environment, or it is to be drawn from and has one action
  // an observation (HEAD_TANH).
  static absl::StatusOr<std::unique_ptr<PolicyPlayer>> Create(const Options& options,
                                                              const v1::PolicyUpdate& weights);

  absl::Status Begin(int64_t first_episode, int64_t num_slots) override;
  absl::StatusOr<std::vector<float>> Act(const std::vector<float>& observation) override;

 private:
  PolicyPlayer(const Options& options, std::vector<int64_t> columns,
               std::unique_ptr<PolicyNetwork> network);

  const Options options_;
  const std::vector<int64_t> columns_;  // As FitObservation's.
  const std::unique_ptr<const PolicyNetwork> network_;
  std::vector<Rng> draws_;  // One a slot.
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_VERBS_TRAINED_POLICY_PLAYER_H_
