// Bounds of observations, actions and rewards, and float32 values within them.
//
// Thread safety: free functions.
#ifndef ARMATURE_ENVSERVER_WRAPPERS_BOUNDS_H_
#define ARMATURE_ENVSERVER_WRAPPERS_BOUNDS_H_

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace armature {

// Returns the smallest float32 that is not less than `value`, and the largest that is not more.
// What lies beyond all of them becomes infinite.
inline float FloatAtLeast(double value) {
  constexpr float kMax = std::numeric_limits<float>::max();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (value > kMax) return kInfinity;
  if (value < -kMax) return value == -kInfinity ? -kInfinity : -kMax;
  const float near = static_cast<float>(value);
  return near < value ? std::nextafter(near, kInfinity) : near;
}
inline float FloatAtMost(double value) { return -FloatAtLeast(-value); }

// Returns one bound for each of `size` elements; `unbounded` if there are none.
inline std::vector<double> BoundPerElement(const std::vector<double>& bounds, int64_t size,
                                           double unbounded) {
  if (bounds.empty()) return std::vector<double>(size, unbounded);
  if (bounds.size() == 1) return std::vector<double>(size, bounds[0]);
  return bounds;
}

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_WRAPPERS_BOUNDS_H_
