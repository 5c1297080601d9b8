// Shows what a camera of the environment sees.
//
// Facts: a new last field, uint8 [height_px, width_px, 3]: the 8-bit RGB picture of the state that
// the other fields are of, top row first, drawn by picture_field.h. Goals and other markers are in
// it. Refused: environments without a scene, names of cameras that it does not have, machines that
// cannot draw.
// Throws if a picture cannot be drawn.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/config/config.h"
#include "common/render/renderer.h"
#include "envserver/kit/picture_field.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/observation_fields.h"
#include "envserver/wrappers/register_wrapper.h"

namespace armature {
namespace {

SceneCamera FindCamera(const Env& env, const std::string& name) {
  const Scene* scene = env.scene();
  if (scene == nullptr || scene->cameras.empty()) {
    throw WrapperError(absl::StrCat(env.spec().id, " has no camera"));
  }
  if (name.empty()) return scene->cameras[0];
  std::vector<std::string> names;
  for (const SceneCamera& camera : scene->cameras) {
    if (camera.name == name) return camera;
    names.push_back(camera.name);
  }
  throw WrapperError(absl::StrCat(env.spec().id, " has no camera '", name, "'; it has ",
                                  absl::StrJoin(names, ", ")));
}

class Camera : public EnvWrapper {
 public:
  struct Config {
    std::string name;
    int64_t width_px = 84;
    int64_t height_px = 84;
    std::string field = "camera";
    void Visit(ConfigVisitor& v) {
      v.Field("name", name, "Camera of the environment; empty: its first.");
      v.Field("width_px", width_px, "Width of the picture.", Between(1, Renderer::kSideMaxPx));
      v.Field("height_px", height_px, "Height of the picture.", Between(1, Renderer::kSideMaxPx));
      v.Field("field", field, "Name of the new field.");
    }
  };

  Camera(std::unique_ptr<Env> env, int place, const Config& config)
      : EnvWrapper(std::move(env), place),
        memory_(spec().observation),
        camera_(FindCamera(inner(), config.name)) {
    camera_.width_px = static_cast<int>(config.width_px);
    camera_.height_px = static_cast<int>(config.height_px);
    mutable_spec().observation.push_back(PictureField(config.field, camera_));
    mutable_spec().mirror.reset();
    TryPictureField(*inner().scene(), camera_);
  }

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    const StepResult step = inner().Step(action, memory_.observation());
    Write(observation);
    return step;
  }

 protected:
  void Begin(uint64_t seed, Observation& observation) override {
    inner().Reset(seed, memory_.observation());
    Write(observation);
  }

 private:
  void Write(Observation& observation) {
    memory_.CopyTo(observation);
    inner().ReadView(view_);
    DrawPictureField(*inner().scene(), view_, camera_, observation.fields().back());
  }

  ObservationMemory memory_;
  SceneCamera camera_;
  SceneView view_;
};

}  // namespace

absl::Status RegisterCamera(EnvRegistry& registry) {
  return RegisterWrapper<Camera>(registry, "camera", "Shows the picture of a camera.");
}

}  // namespace armature
