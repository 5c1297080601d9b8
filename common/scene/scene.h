// What an environment looks like: bodies made of shapes, and where they are now. In-process form of
// proto/scene.proto, which documents every member.
//
// Thread safety: plain values.
// Units: m, rad, s, N; z is up; quaternions are (x, y, z, w); colours are RGBA in [0, 1].
#ifndef ARMATURE_COMMON_SCENE_SCENE_H_
#define ARMATURE_COMMON_SCENE_SCENE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace armature {

// Position, then orientation.
using ScenePose = std::array<double, 7>;
using Colour = std::array<double, 4>;

inline constexpr ScenePose kNoPose = {0, 0, 0, 0, 0, 0, 1};

struct SceneBody {
  std::string name;
  bool is_marker = false;
};

// Triangles of a mesh file; read once and shared.
struct SceneMesh {
  std::string name;                // The same for the same mesh; unique within a scene.
  std::vector<float> vertices;     // [v, 3]
  std::vector<int32_t> triangles;  // [t, 3]
};

struct SceneShape {
  enum class Kind { kBox, kSphere, kCylinder, kCapsule, kPlane, kMesh, kHeightField };
  int body = 0;
  ScenePose pose = kNoPose;  // In the body's frame.
  Colour colour = {0.7, 0.7, 0.7, 1};
  Kind kind = Kind::kBox;
  // Box: full extents. Sphere: radius. Cylinder, capsule: radius, length. Mesh: scale. Height
  // field: size of a cell in x and y.
  std::array<double, 3> size = {1, 1, 1};
  std::shared_ptr<const SceneMesh> mesh;  // Meshes only.
  // Height fields only: [rows along y, columns along x].
  std::shared_ptr<const std::vector<float>> heights;
  int rows = 0;
  int columns = 0;
};

struct SceneCamera {
  std::string name;
  // In the world's frame, or from the tracked body's position along the world's axes.
  std::array<double, 3> position = {2, -2, 1.5};
  std::array<double, 3> target = {0, 0, 0};
  double vertical_field_of_view_deg = 45;
  int width_px = 640;
  int height_px = 480;
  // Name of the body that the camera follows, without turning with it; empty: it stands still.
  std::string tracked_body;
};

struct Scene {
  std::vector<SceneBody> bodies;
  std::vector<SceneShape> shapes;
  std::vector<SceneCamera> cameras;
};

struct SceneContact {
  std::array<float, 3> position;
  std::array<float, 3> normal;  // Towards the first of the two bodies.
  float force = 0;              // N, along the normal.
};

// A scene at one moment.
struct SceneView {
  std::vector<ScenePose> poses;  // One per body of the scene.
  std::vector<SceneContact> contacts;
  double time_s = 0;  // Simulated, since the episode's reset.
  // Counts changes of sizes and colours since the environment was made; if it has changed, scene()
  // must be read again.
  int64_t scene_version = 0;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_SCENE_SCENE_H_
