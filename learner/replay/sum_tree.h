// Sums over non-negative weights, to draw an index in proportion to its weight.
//
// A binary tree in one array of 2 n: leaves at n .. 2 n - 1, node i the sum of 2 i
// and 2 i + 1. Every sum is taken of its two children anew, so that the tree depends
// on the weights alone, not on how they came about: no drift, and equal weights give
// equal trees bit for bit.
// Cost: Set and Find O(log n); 16 bytes an index, all from the constructor on.
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

  // The index whose share of [0, total) `at` falls into (shares lie in the tree's
  // order). Never one of weight 0 while total() > 0, wherever `at` is.
  int64_t Find(double at) const;

  // The first indices' weights; the others become 0.
  void Assign(absl::Span<const double> weights);

 private:
  const int64_t size_;
  std::vector<double> sums_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_SUM_TREE_H_
