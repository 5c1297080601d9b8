// Generalised advantage estimation (Schulman et al. 2015, arXiv:1506.02438) that distinguishes
// termination, truncation and void steps:
//   V'_t    = 0                     if step t terminated
//             V(final observation)  if step t was truncated
//             V(observation_t+1)    otherwise
//   delta_t = r_t + gamma V'_t - V_t
//   A_t     = valid_t (delta_t + gamma lambda (1 - ended_t) A_t+1),  A_T = 0
// A void step adds nothing to the steps before it; they bootstrap from the value of its
// observation.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_ALGORITHMS_GAE_H_
#define ARMATURE_LEARNER_ALGORITHMS_GAE_H_

#include "ATen/core/Tensor.h"
#include "learner/replay/samples.h"

namespace armature {

// Returns A, [T, N]. `value`, [T + 1, N], is for set.observation; `final_value`, [k], for
// set.final_observation.
at::Tensor Advantages(const TrajectorySet& set, const at::Tensor& value,
                      const at::Tensor& final_value, double gamma, double gae_lambda);

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_GAE_H_
