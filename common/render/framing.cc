#include "common/render/framing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mujoco/mujoco.h"

namespace armature {
namespace {

using Kind = SceneShape::Kind;
using Vector = std::array<double, 3>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// From the target to the camera.
constexpr Vector kDirection = {0.58, -0.70, 0.42};
// Room around the scene.
constexpr double kMargin = 1.05;

struct Bounds {
  Vector low = {kInfinity, kInfinity, kInfinity};
  Vector high = {-kInfinity, -kInfinity, -kInfinity};

  void Add(const Vector& point) {
    for (int i = 0; i < 3; ++i) {
      low[i] = std::min(low[i], point[i]);
      high[i] = std::max(high[i], point[i]);
    }
  }
};

// In the shape's own frame.
Bounds BoundsOf(const SceneShape& shape) {
  const Vector& size = shape.size;
  Vector half = {0, 0, 0};
  Bounds bounds;
  if (shape.kind == Kind::kMesh) {
    const std::vector<float>& vertices = shape.mesh->vertices;
    for (size_t i = 0; i + 2 < vertices.size(); i += 3) {
      bounds.Add({vertices[i] * size[0], vertices[i + 1] * size[1], vertices[i + 2] * size[2]});
    }
    return bounds;
  }
  if (shape.kind == Kind::kBox) half = {size[0] / 2, size[1] / 2, size[2] / 2};
  if (shape.kind == Kind::kSphere) half = {size[0], size[0], size[0]};
  if (shape.kind == Kind::kCylinder) half = {size[0], size[0], size[1] / 2};
  if (shape.kind == Kind::kCapsule) half = {size[0], size[0], size[1] / 2 + size[0]};
  bounds.Add({-half[0], -half[1], -half[2]});
  bounds.Add(half);
  return bounds;
}

Vector Transform(const ScenePose& pose, const Vector& point) {
  const mjtNum quaternion[4] = {pose[6], pose[3], pose[4], pose[5]};
  Vector moved;
  mju_rotVecQuat(moved.data(), point.data(), quaternion);
  for (int i = 0; i < 3; ++i) moved[i] += pose[i];
  return moved;
}

bool Counts(const Scene& scene, const SceneShape& shape) {
  if (shape.kind == Kind::kPlane || shape.kind == Kind::kHeightField) return false;
  if (shape.kind == Kind::kMesh && shape.mesh == nullptr) return false;
  return !scene.bodies[shape.body].is_marker;
}

}  // namespace

SceneCamera FrameScene(const Scene& scene, const SceneView& view) {
  Bounds bounds;
  for (const SceneShape& shape : scene.shapes) {
    if (!Counts(scene, shape)) continue;
    const Bounds own = BoundsOf(shape);
    for (int corner = 0; corner < 8; ++corner) {
      Vector point;
      for (int i = 0; i < 3; ++i) point[i] = (corner >> i & 1) != 0 ? own.high[i] : own.low[i];
      bounds.Add(Transform(view.poses[shape.body], Transform(shape.pose, point)));
    }
  }
  SceneCamera camera;
  camera.name = "default";
  double radius = 0;
  for (int i = 0; i < 3; ++i) radius = std::hypot(radius, (bounds.high[i] - bounds.low[i]) / 2);
  if (!std::isfinite(radius) || radius == 0) return camera;
  const double distance =
      kMargin * radius / std::sin(camera.vertical_field_of_view_deg * M_PI / 360);
  const double length = std::hypot(std::hypot(kDirection[0], kDirection[1]), kDirection[2]);
  for (int i = 0; i < 3; ++i) {
    camera.target[i] = (bounds.low[i] + bounds.high[i]) / 2;
    camera.position[i] = camera.target[i] + distance * kDirection[i] / length;
  }
  return camera;
}

absl::StatusOr<SceneCamera> PlaceCamera(const Scene& scene, const SceneView& view,
                                        const SceneCamera& camera) {
  if (camera.tracked_body.empty()) return camera;
  const auto body =
      std::find_if(scene.bodies.begin(), scene.bodies.end(),
                   [&](const SceneBody& each) { return each.name == camera.tracked_body; });
  if (body == scene.bodies.end()) {
    const auto name = [](std::string* out, const SceneBody& each) { out->append(each.name); };
    return absl::InvalidArgumentError(absl::StrCat("camera '", camera.name, "': there is no body '",
                                                   camera.tracked_body, "' to track; there are ",
                                                   absl::StrJoin(scene.bodies, ", ", name)));
  }
  const ScenePose& pose = view.poses[body - scene.bodies.begin()];
  SceneCamera placed = camera;
  placed.tracked_body.clear();
  for (int i = 0; i < 3; ++i) {
    placed.position[i] += pose[i];
    placed.target[i] += pose[i];
  }
  return placed;
}

}  // namespace armature
