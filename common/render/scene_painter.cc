#include "common/render/scene_painter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/render/framing.h"

namespace armature {
namespace {

using Kind = SceneShape::Kind;
using Vector = std::array<double, 3>;

// Distances are in units of that from the camera to its target. OpenGL's depth has 24 bits.
constexpr double kNear = 0.01;
constexpr double kFar = 60;
// The radius in which shadows fall, and how far off the sun stands.
constexpr double kShadowRadius = 1;
constexpr double kSunDistance = 10;
// Towards the sun: high, from the right of a camera that looks along +y, so that shadows fall away
// from the camera and to the side.
constexpr Vector kToSun = {0.4, -0.4, 0.82};
// Chosen by eye: a white surface that faces the sun is just not too bright.
constexpr float kSunDiffuse = 0.45f;
constexpr float kSunSpecular = 0.25f;
constexpr float kHeadAmbient = 0.3f;
constexpr float kHeadDiffuse = 0.2f;
constexpr float kShapeSpecular = 0.2f;
constexpr float kShapeShininess = 0.4f;

[[noreturn]] void OnError(const char* message) { throw std::runtime_error(message); }
// Warnings would go to a file in the working folder.
void OnWarning(const char*) {}

Vector Normalized(const Vector& v) {
  const double length = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
  return {v[0] / length, v[1] / length, v[2] / length};
}

Vector Cross(const Vector& a, const Vector& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

Vector Forward(const SceneCamera& camera) {
  Vector way;
  for (int i = 0; i < 3; ++i) way[i] = camera.target[i] - camera.position[i];
  return way;
}

double Distance(const SceneCamera& camera) {
  const Vector way = Forward(camera);
  return std::sqrt(way[0] * way[0] + way[1] * way[1] + way[2] * way[2]);
}

template <typename From>
void Copy(const From& from, float* to) {
  std::transform(from.begin(), from.end(), to, [](double x) { return static_cast<float>(x); });
}

Placement ToPlacement(const ScenePose& pose) {
  Placement placement;
  const mjtNum quaternion[4] = {pose[6], pose[3], pose[4], pose[5]};  // MuJoCo's begins with w.
  mjtNum matrix[9];
  mju_quat2Mat(matrix, quaternion);
  std::copy(matrix, matrix + 9, placement.matrix.begin());
  std::copy_n(pose.begin(), 3, placement.offset.begin());
  return placement;
}

// First `inner`, then `outer`.
Placement Compose(const Placement& outer, const Placement& inner) {
  Placement both;
  mju_mulMatMat(both.matrix.data(), outer.matrix.data(), inner.matrix.data(), 3, 3, 3);
  mju_mulMatVec3(both.offset.data(), outer.matrix.data(), inner.offset.data());
  mju_addTo3(both.offset.data(), outer.offset.data());
  return both;
}

bool IsFinite(const ScenePose& pose) {
  return std::all_of(pose.begin(), pose.end(), [](double x) { return std::isfinite(x); });
}

// MuJoCo's kind of a shape, and its size.
std::pair<int, Vector> GeomOf(const SceneShape& shape) {
  const Vector& size = shape.size;
  switch (shape.kind) {
    case Kind::kBox:
      return {mjGEOM_BOX, {size[0] / 2, size[1] / 2, size[2] / 2}};
    case Kind::kSphere:
      return {mjGEOM_SPHERE, {size[0], size[0], size[0]}};
    case Kind::kCylinder:
      return {mjGEOM_CYLINDER, {size[0], size[1] / 2, 0}};
    case Kind::kCapsule:
      return {mjGEOM_CAPSULE, {size[0], size[1] / 2, 0}};
    case Kind::kPlane:
      return {mjGEOM_PLANE, {0, 0, 1}};  // Without end.
    case Kind::kMesh:
      return {mjGEOM_MESH, {1, 1, 1}};
    case Kind::kHeightField:
      return {mjGEOM_HFIELD, {1, 1, 1}};
  }
  return {mjGEOM_NONE, {0, 0, 0}};
}

absl::Status CheckView(const Scene& scene, const SceneView& view) {
  if (view.poses.size() != scene.bodies.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the view has ", view.poses.size(), " poses, the scene ", scene.bodies.size(), " bodies"));
  }
  for (size_t i = 0; i < view.poses.size(); ++i) {
    if (IsFinite(view.poses[i])) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the pose of body '", scene.bodies[i].name, "' is not finite"));
  }
  for (size_t i = 0; i < scene.shapes.size(); ++i) {
    const int body = scene.shapes[i].body;
    if (body >= 0 && static_cast<size_t>(body) < scene.bodies.size()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("shape ", i, " belongs to body ", body, " of ", scene.bodies.size()));
  }
  return absl::OkStatus();
}

mjvLight Light() {
  mjvLight light;
  std::memset(&light, 0, sizeof(light));
  light.type = mjLIGHT_DIRECTIONAL;
  light.texid = -1;
  light.attenuation[0] = 1;
  light.cutoff = 45;
  return light;
}

std::string Ascii(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < 32 || c > 126; }, '?');
  return text;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ScenePainter>> ScenePainter::Create(const RendererOptions& options) {
  auto gl = GlContext::Create(options.egl_library);
  if (!gl.ok()) return gl.status();
  mju_user_error = OnError;
  mju_user_warning = OnWarning;
  return std::unique_ptr<ScenePainter>(new ScenePainter(*std::move(gl), options));
}

ScenePainter::ScenePainter(std::unique_ptr<GlContext> gl, const RendererOptions& options)
    : gl_(std::move(gl)), options_(options), assets_(options.samples, options.shadow_px) {
  mjr_defaultContext(&context_);
  mjv_defaultScene(&scene_);
}

ScenePainter::~ScenePainter() {
  mjv_freeScene(&scene_);
  if (uploaded_version_ > 0) mjr_freeContext(&context_);
}

void ScenePainter::Upload() {
  if (uploaded_version_ == assets_.version()) return;
  if (uploaded_version_ > 0) mjr_freeContext(&context_);
  uploaded_version_ = 0;
  mjr_defaultContext(&context_);
  mjr_makeContext(assets_.model(), &context_, mjFONTSCALE_100);
  mjr_setBuffer(mjFB_OFFSCREEN, &context_);
  uploaded_version_ = assets_.version();
}

void ScenePainter::Reserve(int shapes) {
  if (scene_.maxgeom > 0 && shapes <= scene_.maxgeom) return;
  mjv_freeScene(&scene_);
  mjv_makeScene(assets_.model(), &scene_, 2 * std::max(shapes, 1));
}

void ScenePainter::SetShapes(const Scene& scene, const SceneView& view) {
  scene_.ngeom = static_cast<int>(scene.shapes.size());
  for (int i = 0; i < scene_.ngeom; ++i) {
    const SceneShape& shape = scene.shapes[i];
    Placement placement = Compose(ToPlacement(view.poses[shape.body]), ToPlacement(shape.pose));
    int id = shape.kind == Kind::kPlane ? 0 : -1;
    if (shape.kind == Kind::kMesh || shape.kind == Kind::kHeightField) {
      const auto [asset, inner] = assets_.Find(shape);
      id = asset;
      placement = Compose(placement, inner);
    }
    const auto [type, size] = GeomOf(shape);
    mjvGeom& geom = scene_.geoms[i];
    float colour[4];
    Copy(shape.colour, colour);
    mjv_initGeom(&geom, type, size.data(), placement.offset.data(), placement.matrix.data(),
                 colour);
    geom.dataid = id;
    geom.category = scene.bodies[shape.body].is_marker ? mjCAT_DECOR : mjCAT_DYNAMIC;
    geom.specular = shape.kind == Kind::kPlane ? 0 : kShapeSpecular;
    geom.shininess = kShapeShininess;
    if (shape.kind == Kind::kPlane) geom.matid = 0;
    geom.transparent = colour[3] < 1;
    double squared = 0;
    for (int j = 0; j < 3; ++j) {
      squared += std::pow(placement.offset[j] - scene_.camera[0].pos[j], 2);
    }
    geom.camdist = static_cast<float>(std::sqrt(squared));
  }
}

void ScenePainter::SetCamera(const SceneCamera& camera) {
  const Vector forward = Normalized(Forward(camera));
  const bool looks_along_z = std::abs(forward[2]) > 0.9999;
  const Vector right =
      Normalized(Cross(forward, looks_along_z ? Vector{0, 1, 0} : Vector{0, 0, 1}));
  const double near = kNear * Distance(camera);
  const double half_height = near * std::tan(camera.vertical_field_of_view_deg * M_PI / 360);
  mjvGLCamera gl;
  std::memset(&gl, 0, sizeof(gl));
  Copy(camera.position, gl.pos);
  Copy(forward, gl.forward);
  Copy(Cross(right, forward), gl.up);
  gl.frustum_bottom = static_cast<float>(-half_height);
  gl.frustum_top = static_cast<float>(half_height);
  gl.frustum_near = static_cast<float>(near);
  gl.frustum_far = static_cast<float>(kFar * Distance(camera));
  scene_.camera[0] = scene_.camera[1] = gl;
}

void ScenePainter::SetLights(const SceneCamera& camera) {
  const double distance = Distance(camera);
  mjvLight head = Light();
  head.id = -1;
  head.headlight = 1;
  std::copy_n(scene_.camera[0].pos, 3, head.pos);
  std::copy_n(scene_.camera[0].forward, 3, head.dir);
  std::fill_n(head.ambient, 3, kHeadAmbient);
  std::fill_n(head.diffuse, 3, kHeadDiffuse);
  mjvLight sun = Light();
  const Vector to_sun = Normalized(kToSun);
  for (int i = 0; i < 3; ++i) {
    sun.pos[i] = static_cast<float>(camera.target[i] + kSunDistance * distance * to_sun[i]);
    sun.dir[i] = static_cast<float>(-to_sun[i]);
  }
  std::fill_n(sun.diffuse, 3, kSunDiffuse);
  std::fill_n(sun.specular, 3, kSunSpecular);
  sun.castshadow = options_.shadow_px > 0;
  scene_.lights[0] = head;
  scene_.lights[1] = sun;
  scene_.nlight = 2;
  context_.shadowClip = static_cast<float>(kShadowRadius * distance);
  scene_.flags[mjRND_SHADOW] = options_.shadow_px > 0;
  scene_.flags[mjRND_REFLECTION] = 0;
  scene_.flags[mjRND_SKYBOX] = 1;
  scene_.flags[mjRND_HAZE] = 1;
  scene_.flags[mjRND_CULL_FACE] = 1;
}

void ScenePainter::DrawText(mjrRect viewport, absl::Span<const TextLine> text) {
  if (text.empty()) return;
  std::string names, values;
  for (const TextLine& line : text) {
    absl::StrAppend(&names, names.empty() ? "" : "\n", Ascii(line.name));
    absl::StrAppend(&values, &line == text.data() ? "" : "\n", Ascii(line.value));
  }
  mjr_overlay(mjFONT_NORMAL, mjGRID_TOPLEFT, viewport, names.c_str(), values.c_str(), &context_);
}

absl::Status ScenePainter::Paint(const PictureRequest& request) {
  if (absl::Status status = CheckView(*request.scene, *request.view); !status.ok()) return status;
  const absl::StatusOr<SceneCamera> placed =
      PlaceCamera(*request.scene, *request.view, *request.camera);
  if (!placed.ok()) return placed.status();
  const SceneCamera& camera = *placed;
  const mjrRect viewport = {0, 0, camera.width_px, camera.height_px};
  const size_t row = size_t{3} * camera.width_px;
  try {
    if (absl::Status status = assets_.Add(*request.scene); !status.ok()) return status;
    Upload();
    mjr_resizeOffscreen(camera.width_px, camera.height_px, &context_);
    Reserve(static_cast<int>(request.scene->shapes.size()));
    SetCamera(camera);
    SetLights(camera);
    SetShapes(*request.scene, *request.view);
    mjr_render(viewport, &scene_, &context_);
    DrawText(viewport, request.text);
    bottom_up_.resize(request.rgb.size());
    mjr_readPixels(bottom_up_.data(), nullptr, viewport, &context_);
  } catch (const std::exception& e) {
    return absl::InternalError(absl::StrCat("MuJoCo's renderer: ", e.what()));
  }
  if (const int error = mjr_getError(); error != 0) {
    return absl::InternalError(absl::StrCat("OpenGL error 0x", absl::Hex(error)));
  }
  for (int y = 0; y < camera.height_px; ++y) {
    std::memcpy(request.rgb.data() + row * y, bottom_up_.data() + row * (camera.height_px - 1 - y),
                row);
  }
  return absl::OkStatus();
}

}  // namespace armature
