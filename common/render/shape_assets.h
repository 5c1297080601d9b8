// The meshes and height fields of all scenes that were drawn, as a MuJoCo model that has nothing
// else but a floor. OpenGL gets them from it once; scenes then name them by number.
//
// MuJoCo turns each mesh into a frame of its own, and knows neither scaled nor mirrored ones: an
// asset says how it is put back.
// Thread safety: none.
// Bounds: what no scene has any more is dropped when something new comes.
#ifndef ARMATURE_COMMON_RENDER_SHAPE_ASSETS_H_
#define ARMATURE_COMMON_RENDER_SHAPE_ASSETS_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/scene/scene.h"
#include "mujoco/mujoco.h"

namespace armature {

// x_shape = matrix x_asset + offset.
struct Placement {
  std::array<double, 9> matrix = {1, 0, 0, 0, 1, 0, 0, 0, 1};  // Rows.
  std::array<double, 3> offset = {0, 0, 0};
};

class ShapeAssets {
 public:
  // `samples` a pixel, for smooth edges; `shadow_px`: side of the shadow map.
  ShapeAssets(int samples, int shadow_px);
  ~ShapeAssets();

  // Takes in what `scene` has and is not there yet; then model() is another one, and version()
  // differs. Returns InvalidArgument, and changes nothing, if a mesh or height field is malformed:
  // the message names it.
  absl::Status Add(const Scene& scene);

  const mjModel* model() const { return model_.get(); }
  int64_t version() const { return version_; }

  // The number of a shape's mesh or height field, as mjvGeom.dataid, and where it goes. The shape's
  // scene was added.
  std::pair<int, Placement> Find(const SceneShape& shape) const;

 private:
  struct Asset {
    std::weak_ptr<const void> owner;  // Expired: no scene has it any more.
    SceneShape shape;                 // Without its mesh and heights.
    int id = 0;
    Placement placement;  // Without the shape's size.
  };
  // The mesh or heights, and whether the mesh is mirrored.
  using Key = std::pair<const void*, bool>;
  using Assets = std::map<Key, Asset>;
  using Model = std::unique_ptr<mjModel, void (*)(mjModel*)>;

  static Key KeyOf(const SceneShape& shape);
  // Null with a status if something does not compile.
  absl::Status Compile(Assets* assets, Model* model) const;

  const int samples_;
  const int shadow_px_;
  Assets assets_;
  Model model_;
  int64_t version_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RENDER_SHAPE_ASSETS_H_
