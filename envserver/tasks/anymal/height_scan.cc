#include "envserver/tasks/anymal/height_scan.h"

#include <algorithm>
#include <cmath>

namespace armature {
namespace {

constexpr double kSpacing = 0.1;  // m

}  // namespace

void WriteHeightScan(const btTransform& base, double nominal_height, const Terrain* terrain,
                     const btVector3& origin, absl::Span<float> heights) {
  const btVector3 forward = base.getBasis().getColumn(0);
  const double yaw = std::atan2(forward.y(), forward.x());
  const double cosine = std::cos(yaw), sine = std::sin(yaw);
  const btVector3 place = base.getOrigin() - origin;  // In the terrain's frame.
  for (int column = 0; column < kHeightScanColumns; ++column) {
    const double x = kSpacing * (column - kHeightScanColumns / 2);
    for (int row = 0; row < kHeightScanRows; ++row) {
      const double y = kSpacing * (row - kHeightScanRows / 2);
      const double ground = terrain == nullptr ? 0
                                               : terrain->Height(place.x() + cosine * x - sine * y,
                                                                 place.y() + sine * x + cosine * y);
      const double below = place.z() - nominal_height - ground;
      heights[column * kHeightScanRows + row] = static_cast<float>(std::clamp(below, -1.0, 1.0));
    }
  }
}

}  // namespace armature
