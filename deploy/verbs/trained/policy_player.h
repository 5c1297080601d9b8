// Plays a trained policy as a SlotPlayer, on the CPU with one thread.
//
// Runs the network on one observation at a time. In a larger pass, the last bit of a sum can depend
// on the number of rows, which would change the episode. A stochastic policy has a separate random
// generator for every episode.
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
    EnvSpec env;      // The environment to play in.
    EnvSpec trained;  // The environment of the training.
    v1::PolicySpec policy;
    bool deterministic = true;  // Use the policy's mode; otherwise sample.
    uint64_t seed = 0;          // Seed for sampling.
  };
  // Returns FailedPrecondition if the environment's observations or actions differ from those of
  // training (the message names the difference; see FitObservation for what is allowed); DataLoss
  // if the checksum of `weights` is wrong; InvalidArgument if they do not fit the policy, the
  // policy does not fit the environment, or a deterministic policy (HEAD_TANH) should be sampled.
  static absl::StatusOr<std::unique_ptr<PolicyPlayer>> Create(const Options& options,
                                                              const v1::PolicyUpdate& weights);

  absl::Status Begin(int64_t first_episode, int64_t num_slots) override;
  absl::StatusOr<std::vector<float>> Act(const std::vector<float>& observation) override;

 private:
  PolicyPlayer(const Options& options, std::vector<int64_t> columns,
               std::unique_ptr<PolicyNetwork> network);

  const Options options_;
  const std::vector<int64_t> columns_;  // From FitObservation.
  const std::unique_ptr<const PolicyNetwork> network_;
  std::vector<Rng> draws_;  // One per slot.
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_VERBS_TRAINED_POLICY_PLAYER_H_
