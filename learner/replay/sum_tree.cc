#include "learner/replay/sum_tree.h"

#include <algorithm>

namespace armature {

void SumTree::Set(int64_t index, double weight) {
  int64_t node = size_ + index;
  sums_[node] = weight;
  for (node /= 2; node >= 1; node /= 2) sums_[node] = sums_[2 * node] + sums_[2 * node + 1];
}

int64_t SumTree::Find(double at) const {
  int64_t node = 1;
  while (node < size_) {
    node *= 2;
    // Rounding may put `at` at or beyond the last share: never step into a sum of 0.
    if (at >= sums_[node] && sums_[node + 1] > 0) {
      at -= sums_[node];
      ++node;
    }
  }
  return node - size_;
}

void SumTree::Assign(absl::Span<const double> weights) {
  const auto end = std::copy(weights.begin(), weights.end(), sums_.begin() + size_);
  std::fill(end, sums_.end(), 0.0);
  for (int64_t node = size_ - 1; node >= 1; --node) {
    sums_[node] = sums_[2 * node] + sums_[2 * node + 1];
  }
}

}  // namespace armature
