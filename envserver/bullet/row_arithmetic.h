// Arithmetic of the rows of RowSolver and ImpulseSolver, in blocks of four numbers, which compilers
// turn into vector instructions.
//
// Thread safety: free functions.
#ifndef ARMATURE_ENVSERVER_BULLET_ROW_ARITHMETIC_H_
#define ARMATURE_ENVSERVER_BULLET_ROW_ARITHMETIC_H_

#include <algorithm>
#include <cmath>

namespace armature {

constexpr int kBlock = 4;

// `size`, filled up to whole blocks.
constexpr int Filled(int size) { return (size + kBlock - 1) / kBlock * kBlock; }

// `size` is a multiple of kBlock.
inline double Dot(const double* a, const double* b, int size) {
  double sums[kBlock] = {0, 0, 0, 0};
  for (int k = 0; k < size; k += kBlock) {
#pragma GCC unroll 4
    for (int i = 0; i < kBlock; ++i) sums[i] += a[k + i] * b[k + i];
  }
  return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

// Holds the impulses of two directions of friction to a circle, as Bullet does. `low_a` and `low_b`
// are the lowest that each may have alone.
inline void HoldToCircle(double low_a, double low_b, double* a, double* b) {
  const double square = *a * *a + *b * *b;
  if (square < low_a * low_b) return;
  const double scale = square > 0 ? 1 / std::sqrt(square) : 0;
  const double most_a = std::abs(low_a * *a * scale);
  const double most_b = std::abs(low_b * *b * scale);
  *a = std::min(std::max(*a, -most_a), most_a);
  *b = std::min(std::max(*b, -most_b), most_b);
}

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_ROW_ARITHMETIC_H_
