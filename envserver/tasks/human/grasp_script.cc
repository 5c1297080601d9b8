#include "envserver/tasks/human/grasp_script.h"

#include <algorithm>
#include <cmath>

namespace armature {
namespace {

constexpr double kHover_m = 0.1;
constexpr double kAcross_m = 0.012;  // Within this the fingers close on both sides of the thing.
constexpr double kDeep_m = 0.008;
constexpr double kSlope = 1.5;     // Of the cones' sides.
constexpr double kBelow_m = 0.02;  // Under a cone, the way is up.
constexpr double kOpen = 0.75;     // Of the widest, to go down.

double Across(const btVector3& a, const btVector3& b) {
  return std::hypot(a.x() - b.x(), a.y() - b.y());
}

// Towards `to`, no lower than a cone of height `hover` above it.
btVector3 OverCone(const btVector3& tool, const btVector3& to, double hover) {
  const double lowest = to.z() + std::clamp(kSlope * (Across(tool, to) - kAcross_m), 0.0, hover);
  if (tool.z() < lowest - kBelow_m) return btVector3(tool.x(), tool.y(), lowest);
  return btVector3(to.x(), to.y(), lowest);
}

}  // namespace

GraspMove NextGraspMove(const GraspScene& scene) {
  const btVector3& tool = scene.tool;
  if (scene.is_gripped) return {OverCone(tool, scene.target, scene.target_hover_m), -1};
  const double across = Across(tool, scene.grip);
  if (across < kAcross_m && std::abs(tool.z() - scene.grip.z()) < kDeep_m) {
    return {scene.grip, -1};
  }
  btVector3 next = OverCone(tool, scene.grip, kHover_m);
  if (scene.opening_m < kOpen * scene.opening_max_m) {
    // It opens first, where it cannot touch the thing.
    next = btVector3(tool.x(), tool.y(), std::max(tool.z(), scene.grip.z() + kHover_m));
  }
  return {next, 1};
}

}  // namespace armature
