// The part of an algorithm's State that the replicas of a run share: all except the generators.
// - float32 tensors (parameters, targets, temperature, moments) are averaged.
// - Running statistics (float64 tensors P.count, P.mean and P.m2) are merged. S is what all
//   replicas had after the last average, R_i what replica i has seen since. All continue from
//   S + R_0 + .. + R_{N-1}. By Chan's formula (see running_normalizer.h), with
//   delta = mean_b - mean_a and n = count_a + count_b,
//     a + b = (n, mean_a + delta count_b / n, m2_a + m2_b + delta^2 count_a count_b / n)
// - Integers (step counts) stay each replica's own, but a joining replica copies them too.
//
// Thread safety: none; trainer's thread only, between two updates.
#ifndef ARMATURE_LEARNER_REPLICAS_SHARED_STATE_H_
#define ARMATURE_LEARNER_REPLICAS_SHARED_STATE_H_

#include <map>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "common/policy/named_tensors.h"
#include "learner/algorithms/algorithm.h"

namespace armature {

class SharedState {
 public:
  // What `algorithm` has seen so far counts as S. `algorithm` must outlive this.
  explicit SharedState(Algorithm* algorithm);

  // This replica's part of an average. Tensors may share memory with the algorithm.
  NamedTensors Contribution() const;
  // Continues from `mean`, MeanOf all contributions. Returns InvalidArgument (names a tensor) if
  // its layout is not Contribution's.
  absl::Status Adopt(const NamedTensors& mean);

  // A joining replica starts from replica 0's Snapshot, with Restore.
  NamedTensors Snapshot() const;
  // Returns InvalidArgument (names a tensor) if the layout is not Snapshot's.
  absl::Status Restore(const NamedTensors& snapshot);

 private:
  // Copies `tensors` into the algorithm's State, by name.
  absl::Status Load(const NamedTensors& tensors);
  void NoteStatistics();

  Algorithm* const algorithm_;
  std::map<std::string, at::Tensor> statistics_;  // S, by name.
};

// Returns what all replicas continue from. `contributions` is not empty; all have the first one's
// layout.
NamedTensors MeanOf(const std::vector<NamedTensors>& contributions);

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLICAS_SHARED_STATE_H_
