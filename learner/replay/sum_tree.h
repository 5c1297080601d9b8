// A sum tree over non-negative weights, to draw an index in proportion to its weight.
//
// A binary tree in an array of 2 n: leaves at n .. 2 n - 1, node i is the sum of nodes 2 i and 2 i
// + 1. Each sum is recomputed from its two children, so the tree depends only on the weights, not
// on their history: no drift, and equal weights give trees equal bit for bit.
// Cost: Set and Find O(log n); 16 bytes per index, allocated by the constructor.
// Thread safety: none.
#ifndef ARMATURE_LEARNER_REPLAY_SUM_TREE_H_
#define ARMATURE_LEARNER_REPLAY_SUM_TREE_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace armature {

class SumTree {
 public:
  explicit SumTree(int64_t size) : size_(size), sums_(2 * size, 0.0) {}  // size >= 1

  void Set(int64_t index, double weight);
  double weight(int64_t index) const { return sums_[size_ + index]; }
  double total() const { return sums_[1]; }

  // Returns the index whose share of [0, total) contains `at` (shares are in the tree's order).
  // Never returns an index of weight 0 while total() > 0, whatever `at` is.
  int64_t Find(double at) const;

  // Sets the weights of the first indices; all others become 0.
  void Assign(absl::Span<const double> weights);

 private:
  const int64_t size_;
  std::vector<double> sums_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_SUM_TREE_H_
