#include "envserver/kit/picture_field.h"

#include <stdexcept>
#include <string>
#include <vector>

#include "common/render/renderer.h"

namespace armature {

FieldSpec PictureField(absl::string_view name, const SceneCamera& camera) {
  FieldSpec field;
  field.name = std::string(name);
  field.dtype = v1::DTYPE_UINT8;
  field.shape = {camera.height_px, camera.width_px, 3};
  field.low = {0};
  field.high = {255};
  return field;
}

void DrawPictureField(const Scene& scene, const SceneView& view, const SceneCamera& camera,
                      absl::Span<uint8_t> field) {
  const absl::Status status = Renderer::SharedForObservations().Draw(scene, view, camera, field);
  if (!status.ok()) throw std::runtime_error(std::string(status.message()));
}

void TryPictureField(const Scene& scene, const SceneCamera& camera) {
  SceneView view;
  view.poses.assign(scene.bodies.size(), kNoPose);
  std::vector<uint8_t> pixels(PictureField("", camera).size());
  DrawPictureField(scene, view, camera, absl::MakeSpan(pixels));
}

}  // namespace armature
