// The data of one update of an algorithm.
//
// Thread safety: plain values.
#ifndef ARMATURE_LEARNER_REPLAY_SAMPLES_H_
#define ARMATURE_LEARNER_REPLAY_SAMPLES_H_

#include <cstdint>

#include "ATen/core/Tensor.h"

namespace armature {

// B steps, or runs of up to n steps; float32, on the algorithm's device. Actions are in [-1, 1].
struct TransitionSample {
  at::Tensor observation;       // [B, D], raw
  at::Tensor action;            // [B, A]
  at::Tensor reward;            // [B]; the discounted sum of a run
  at::Tensor next_observation;  // [B, D], raw; after the run, or final if it ended
  at::Tensor terminated;        // [B], 0 or 1
  at::Tensor discount;          // [B], gamma^steps, for the value of next_observation
  at::Tensor weight;            // [B], >= 0, for each error in the critics' loss
  int64_t demonstrations = 0;   // This many rows at the end are demonstrations.
};

// A full set of trajectories of N slots and T steps; float32 unless noted, on the algorithm's
// device. Observations are raw.
struct TrajectorySet {
  at::Tensor observation;         // [T + 1, N, D]
  at::Tensor action;              // [T, N, A], as drawn by the policy
  at::Tensor reward;              // [T, N]
  at::Tensor terminated;          // [T, N], 0 or 1
  at::Tensor truncated;           // [T, N], 0 or 1
  at::Tensor valid;               // [T, N], 0 or 1; see TrajectoryBatch.valid
  at::Tensor behaviour_log_prob;  // [T, N]
  // [k, D], for steps that terminated or were truncated, in row-major order of [T, N].
  at::Tensor final_observation;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_SAMPLES_H_
