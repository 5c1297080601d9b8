// What the replicas of a run have in common of an algorithm: its State without the
// generators. A round averages float32 tensors (parameters, targets, temperature,
// moments) and merges running statistics, float64 tensors P.count, P.mean and P.m2:
// with S what all replicas had after the last round and R_i what replica i has seen
// since, all go on from S + R_0 + .. + R_{N-1}, where by Chan's formula (see
// running_normalizer.h), for delta = mean_b - mean_a and n = count_a + count_b,
//   a + b = (n, mean_a + delta count_b / n, m2_a + m2_b + delta^2 count_a count_b / n)
// Integers (counts of steps) stay each replica's own; one that joins takes them too.
//
// Thread safety: none; the trainer's thread, between two updates.
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
  // What `algorithm`, which must outlive it, has seen so far counts as S.
  explicit SharedState(Algorithm* algorithm);

  // This replica's part in a round; tensors may share memory with the algorithm.
  NamedTensors Contribution() const;
  // Goes on from MeanOf all contributions.
  // OK; InvalidArgument: it is not like Contribution (named).
  absl::Status Adopt(const NamedTensors& mean);

  // What one that joins goes on from, and its doing so.
  NamedTensors Snapshot() const;
  // OK; InvalidArgument: it is not like Snapshot (named).
  absl::Status Restore(const NamedTensors& snapshot);

 private:
  // Copies `tensors` over those of the same names in the algorithm's State.
  absl::Status Load(const NamedTensors& tensors);
  void NoteStatistics();

  Algorithm* const algorithm_;
  std::map<std::string, at::Tensor> statistics_;  // S, by name.
};

// What all go on from; every element is like the first. At least one.
NamedTensors MeanOf(const std::vector<NamedTensors>& contributions);

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLICAS_SHARED_STATE_H_
