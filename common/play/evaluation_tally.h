// Which episodes of an evaluation count.
//
// Every slot has a fixed quota, so short episodes are not favoured: the first
// finished ones of a vector of environments would be the shortest. An episode that is
// cut leaves its slot in the midst of it: the slot waits for the group to be reset,
// which it is once no slot that has episodes left can go on.
// Thread safety: compatible.
#ifndef ARMATURE_COMMON_PLAY_EVALUATION_TALLY_H_
#define ARMATURE_COMMON_PLAY_EVALUATION_TALLY_H_

#include <cstdint>
#include <vector>

#include "common/env_client/step_decoder.h"
#include "common/play/episode_tracker.h"
#include "proto/learner_service.pb.h"

namespace armature {

class EvaluationTally {
 public:
  // `episodes` over `num_slots` slots, as equal as can be; the first get one more.
  // `steps_max`: after which episodes are cut; 0: never.
  EvaluationTally(int64_t episodes, int64_t num_slots, int64_t steps_max = 0);

  void OnStep(const DecodedStep& step);
  bool complete() const { return missing_ == 0; }
  int64_t missing() const { return missing_; }
  // Whether the last step is to be answered by ResetGroup, not by actions.
  bool awaits_reset() const;
  // By slot, and within a slot in order of time.
  std::vector<v1::Episode> episodes() const;

 private:
  std::vector<int64_t> quota_;
  std::vector<std::vector<v1::Episode>> counted_;  // By slot.
  std::vector<bool> waits_;                        // By slot: for the group to be reset.
  EpisodeTracker tracker_;
  int64_t missing_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_PLAY_EVALUATION_TALLY_H_
