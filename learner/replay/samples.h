// What an algorithm learns from at once.
//
// Thread safety: plain values.
#ifndef ARMATURE_LEARNER_REPLAY_SAMPLES_H_
#define ARMATURE_LEARNER_REPLAY_SAMPLES_H_

#include <cstdint>

#include "ATen/core/Tensor.h"

namespace armature {

// B steps, or runs of up to n steps, float32, on the algorithm's device. Actions are
// in [-1, 1].
struct TransitionSample {
  at::Tensor observation;       // [B, D], raw
  at::Tensor action;            // [B, A]
  at::Tensor reward;            // [B]; the discounted sum over a run
  at::Tensor next_observation;  // [B, D], raw; after a run, or final where it ended
  at::Tensor terminated;        // [B], 0 or 1
  at::Tensor discount;          // [B], of the value of next_observation: gamma^steps
  at::Tensor weight;            // [B], of each error in the critics' loss, >= 0
  int64_t demonstrations = 0;   // The last so many rows are demonstrated steps.
};

// A full set of trajectories, float32 unless said, on the algorithm's device;
// N slots side by side, T steps. Raw observations.
struct TrajectorySet {
  at::Tensor observation;         // [T + 1, N, D]
  at::Tensor action;              // [T, N, A], as the policy drew it
  at::Tensor reward;              // [T, N]
  at::Tensor terminated;          // [T, N], 0 or 1
  at::Tensor truncated;           // [T, N], 0 or 1
  at::Tensor valid;               // [T, N], 0 or 1; see TrajectoryBatch.valid
  at::Tensor behaviour_log_prob;  // [T, N]
  // [k, D]: where steps terminated or were truncated, in row-major order of
  // [T, N].
  at::Tensor final_observation;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_SAMPLES_H_
