// The heights of the ground around a robot's base, as it would map them.
//
// Facts: 17 x 11 points, 0.1 m apart, in a grid that turns with the base's yaw: from -0.8 to 0.8 m
// along its x (forward), and for each of these from -0.5 to 0.5 m along its y. Each value is how
// far the ground is below where it is under a base at its nominal height, in m, held to [-1, 1]: 0
// on flat ground, negative where the ground is higher. Thread safety: free function.
#ifndef ARMATURE_ENVSERVER_TASKS_ANYMAL_HEIGHT_SCAN_H_
#define ARMATURE_ENVSERVER_TASKS_ANYMAL_HEIGHT_SCAN_H_

#include "LinearMath/btTransform.h"
#include "absl/types/span.h"
#include "envserver/tasks/anymal/terrain.h"

namespace armature {

inline constexpr int kHeightScanColumns = 17;  // Along x.
inline constexpr int kHeightScanRows = 11;     // Along y.
inline constexpr int kHeightScanSize = kHeightScanColumns * kHeightScanRows;

// `terrain`: null for the plane z = 0. `origin`: of the terrain's frame, in the world.
// `heights`: [kHeightScanSize], point (column, row) at column * kHeightScanRows + row.
void WriteHeightScan(const btTransform& base, double nominal_height, const Terrain* terrain,
                     const btVector3& origin, absl::Span<float> heights);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_ANYMAL_HEIGHT_SCAN_H_
