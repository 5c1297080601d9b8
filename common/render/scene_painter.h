// Draws a scene with MuJoCo's renderer (mjr_render), into the OpenGL context of this thread.
//
// A scene's shapes become MuJoCo's abstract geoms one for one, in each picture: so sizes, colours
// and whole scenes may change from one picture to the next. Only meshes and height fields are kept
// (shape_assets.h).
// Light: one of its own at the camera, and the sun, whose shadows cover what the camera looks at.
// Markers throw none. Planes are tiled, their colour tints the tiles.
// Thread safety: one thread makes, uses and destroys it.
// MuJoCo's error handlers, which belong to the process, are set by the first one.
#ifndef ARMATURE_COMMON_RENDER_SCENE_PAINTER_H_
#define ARMATURE_COMMON_RENDER_SCENE_PAINTER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/render/gl_context.h"
#include "common/render/shape_assets.h"
#include "common/scene/scene.h"
#include "mujoco/mujoco.h"

namespace armature {

struct RendererOptions {
  int samples = 4;       // A pixel, for smooth edges; 0: none, twice as fast without a GPU.
  int shadow_px = 2048;  // Side of the shadow map; 0: no shadows.
  std::string egl_library = GlContext::kLibrary;
};

// A line of the text in the upper left corner, e.g. {"return", "12.5"}. ASCII; other bytes are
// drawn as '?'.
struct TextLine {
  std::string name;
  std::string value;
};

// What to draw. Owns nothing.
struct PictureRequest {
  const Scene* scene = nullptr;
  const SceneView* view = nullptr;
  const SceneCamera* camera = nullptr;  // Its width_px and height_px are the picture's.
  absl::Span<const TextLine> text;
  absl::Span<uint8_t> rgb;  // [height, width, 3], top row first.
};

class ScenePainter {
 public:
  // Returns FailedPrecondition if there is no OpenGL (see GlContext) or it lacks what MuJoCo needs.
  static absl::StatusOr<std::unique_ptr<ScenePainter>> Create(const RendererOptions& options);
  ~ScenePainter();

  // The request's camera and sizes are valid (Renderer checks them). Returns InvalidArgument, with
  // what is wrong, if scene and view do not fit, a pose is not finite, a shape is malformed, or
  // there is no body that the camera tracks; Internal if OpenGL fails.
  absl::Status Paint(const PictureRequest& request);

 private:
  ScenePainter(std::unique_ptr<GlContext> gl, const RendererOptions& options);

  // Gives OpenGL the assets' present model.
  void Upload();
  // Makes room for a number of shapes; what scene_ has is lost.
  void Reserve(int shapes);
  void SetCamera(const SceneCamera& camera);
  void SetLights(const SceneCamera& camera);
  // After SetCamera: transparent shapes are sorted by distance.
  void SetShapes(const Scene& scene, const SceneView& view);
  void DrawText(mjrRect viewport, absl::Span<const TextLine> text);

  const std::unique_ptr<GlContext> gl_;
  const RendererOptions options_;
  ShapeAssets assets_;
  mjrContext context_;
  mjvScene scene_;
  int64_t uploaded_version_ = 0;  // 0: none.
  std::vector<uint8_t> bottom_up_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RENDER_SCENE_PAINTER_H_
