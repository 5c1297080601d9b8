// Cuts the steps of one group into trajectories of exactly T steps. Each begins with a grant.
//
// A step that restarted its slot keeps its place, with valid = 0. Nothing is recorded between
// trajectories. If the session starts over (step 0), the unfinished trajectory is dropped; its
// grant may be used for another one.
// Call order: OnStep(0) (Begin (OnAction OnStep)^T Take)*; OnStep(0) may start over at any point.
// Thread safety: compatible.
#ifndef ARMATURE_ACTOR_COLLECT_TRAJECTORY_CUTTER_H_
#define ARMATURE_ACTOR_COLLECT_TRAJECTORY_CUTTER_H_

#include <cstdint>
#include <vector>

#include "common/env_client/step_decoder.h"
#include "common/policy/group_actions.h"
#include "proto/learner_service.pb.h"

namespace armature {

class TrajectoryCutter {
 public:
  // T = unroll_length steps of num_slots slots.
  TrajectoryCutter(int64_t unroll_length, int64_t num_slots, int64_t observation_size,
                   int64_t action_size);

  // Starts the next trajectory at the observation of the last step.
  void Begin();
  bool recording() const { return recording_; }
  // Whether all T steps are recorded.
  bool complete() const { return recording_ && length_ == unroll_length_; }

  void OnAction(const GroupActions& actions);
  void OnStep(const DecodedStep& step);

  // Returns the complete trajectory, without its grant_id.
  v1::TrajectoryBatch Take();

 private:
  const int64_t unroll_length_;
  const int64_t num_slots_;
  const int64_t observation_size_;
  const int64_t action_size_;

  bool recording_ = false;
  int64_t length_ = 0;              // Steps completed.
  std::vector<float> latest_;       // [n, D], the observation to act on.
  std::vector<float> observation_;  // [length + 1, n, D]
  std::vector<float> action_;
  std::vector<float> reward_;
  std::vector<uint8_t> terminated_;
  std::vector<uint8_t> truncated_;
  std::vector<uint8_t> valid_;
  std::vector<float> log_prob_;
  std::vector<float> final_observation_;
  uint64_t policy_version_ = 0;  // Oldest version so far.
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_COLLECT_TRAJECTORY_CUTTER_H_
