// Decides which episodes of an evaluation count.
//
// Every slot has a fixed quota, so that short episodes are not favoured: the first episodes to
// finish among many environments would be the shortest. A cut episode leaves its slot in
// mid-episode, so the slot waits until the group is reset. The reset comes when no slot that still
// needs episodes can go on.
// Thread safety: compatible.
#ifndef ARMATURE_COMMON_PLAY_EVALUATION_TALLY_H_
#define ARMATURE_COMMON_PLAY_EVALUATION_TALLY_H_

#include <cstdint>
#include <vector>

#include "common/env_client/step_decoder.h"
#include "common/play/episode_tracker.h"
#include "common/spec/env_spec.h"
#include "proto/learner_service.pb.h"

namespace armature {

class EvaluationTally {
 public:
  // Divides `episodes` over `num_slots` slots as equally as possible; the first slots get one more.
  // Episodes are cut after `steps_max` steps; 0: never. `env`: what steps look like.
  EvaluationTally(const EnvSpec& env, int64_t episodes, int64_t num_slots, int64_t steps_max = 0);

  void OnStep(const DecodedStep& step);
  bool complete() const { return missing_ == 0; }
  int64_t missing() const { return missing_; }
  // Whether to answer the last step with ResetGroup instead of actions.
  bool awaits_reset() const;
  // Ordered by slot, then by time.
  std::vector<v1::Episode> episodes() const;

 private:
  std::vector<int64_t> quota_;
  std::vector<std::vector<v1::Episode>> counted_;  // By slot.
  std::vector<bool> waits_;                        // By slot: waiting for a reset of the group.
  EpisodeTracker tracker_;
  int64_t missing_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_PLAY_EVALUATION_TALLY_H_
