#include "common/render/shape_assets.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace armature {
namespace {

using Kind = SceneShape::Kind;

// Below the lowest point of a height field, in m: it is drawn as a solid.
constexpr double kHeightFieldBase = 0.01;
// Of a flat one, which MuJoCo does not take.
constexpr double kRangeMin = 1e-6;

// The floor's two colours, which a plane's own colour tints, and the sky's, from above to the
// horizon.
constexpr double kTileLight[3] = {1, 1, 1};
constexpr double kTileDark[3] = {0.88, 0.90, 0.93};
constexpr double kSkyAbove[3] = {0.62, 0.74, 0.88};
constexpr double kSkyBelow[3] = {0.96, 0.97, 0.98};
constexpr char kFloor[] = "floor";

bool IsAsset(const SceneShape& shape) {
  return shape.kind == Kind::kMesh || shape.kind == Kind::kHeightField;
}

bool IsMirrored(const SceneShape& shape) {
  return shape.kind == Kind::kMesh && shape.size[0] * shape.size[1] * shape.size[2] < 0;
}

void SetColours(mjsTexture* texture, const double first[3], const double second[3]) {
  std::copy(first, first + 3, texture->rgb1);
  std::copy(second, second + 3, texture->rgb2);
}

void AddFloorAndSky(mjSpec* spec) {
  mjsTexture* tiles = mjs_addTexture(spec, nullptr);
  mjs_setName(tiles->element, kFloor);
  tiles->type = mjTEXTURE_2D;
  tiles->builtin = mjBUILTIN_CHECKER;
  tiles->width = tiles->height = 256;
  SetColours(tiles, kTileLight, kTileDark);
  mjsMaterial* material = mjs_addMaterial(spec, nullptr);
  mjs_setName(material->element, kFloor);
  mjs_setInStringVec(material->textures, mjTEXROLE_RGB, kFloor);
  material->texuniform = 1;
  mjsGeom* plane = mjs_addGeom(mjs_findBody(spec, "world"), nullptr);
  plane->type = mjGEOM_PLANE;
  plane->size[0] = plane->size[1] = 0;  // Without end.
  plane->size[2] = 1;
  mjs_setString(plane->material, kFloor);
  mjsTexture* sky = mjs_addTexture(spec, nullptr);
  mjs_setName(sky->element, "sky");
  sky->type = mjTEXTURE_SKYBOX;
  sky->builtin = mjBUILTIN_GRADIENT;
  sky->width = sky->height = 256;
  SetColours(sky, kSkyBelow, kSkyAbove);
}

absl::Status CheckMesh(const SceneMesh& mesh) {
  const int64_t count = static_cast<int64_t>(mesh.vertices.size()) / 3;
  for (const float value : mesh.vertices) {
    if (std::isfinite(value)) continue;
    return absl::InvalidArgumentError(absl::StrCat("mesh '", mesh.name, "': a vertex is ", value));
  }
  for (const int32_t index : mesh.triangles) {
    if (index >= 0 && index < count) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("mesh '", mesh.name, "': a triangle names vertex ", index, " of ", count));
  }
  if (mesh.vertices.size() % 3 == 0 && mesh.triangles.size() % 3 == 0 && !mesh.triangles.empty()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("mesh '", mesh.name, "' has ",
                                                 mesh.vertices.size(), " coordinates and ",
                                                 mesh.triangles.size(), " corners"));
}

absl::Status CheckHeights(const SceneShape& shape) {
  const std::vector<float>& heights = *shape.heights;
  for (const float height : heights) {
    if (std::isfinite(height)) continue;
    return absl::InvalidArgumentError(absl::StrCat("a height of a height field is ", height));
  }
  if (shape.rows >= 2 && shape.columns >= 2 &&
      heights.size() == static_cast<size_t>(shape.rows) * shape.columns) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("a height field has ", heights.size(),
                                                 " heights, ", shape.rows, " rows and ",
                                                 shape.columns, " columns"));
}

mjsMesh* AddMesh(const SceneMesh& mesh, bool mirrored, mjSpec* spec) {
  std::vector<float> vertices = mesh.vertices;
  std::vector<int> triangles(mesh.triangles.begin(), mesh.triangles.end());
  if (mirrored) {
    for (size_t i = 0; i < vertices.size(); i += 3) vertices[i] = -vertices[i];
    for (size_t i = 0; i < triangles.size(); i += 3) std::swap(triangles[i], triangles[i + 1]);
  }
  // MuJoCo wants four vertices; the others belong to no triangle.
  while (vertices.size() < 12) vertices.push_back(vertices[vertices.size() - 3]);
  mjsMesh* added = mjs_addMesh(spec, nullptr);
  mjs_setFloat(added->uservert, vertices.data(), static_cast<int>(vertices.size()));
  mjs_setInt(added->userface, triangles.data(), static_cast<int>(triangles.size()));
  added->inertia = mjMESH_INERTIA_SHELL;  // Meshes with holes have one too.
  return added;
}

mjsHField* AddHeightField(const SceneShape& shape, const std::vector<float>& heights,
                          Placement* placement, mjSpec* spec) {
  const auto [low, high] = std::minmax_element(heights.begin(), heights.end());
  mjsHField* added = mjs_addHField(spec);
  added->nrow = shape.rows;
  added->ncol = shape.columns;
  added->size[0] = (shape.columns - 1) / 2.0;  // Of cells of 1 m.
  added->size[1] = (shape.rows - 1) / 2.0;
  added->size[2] = std::max<double>(*high - *low, kRangeMin);
  added->size[3] = kHeightFieldBase;
  mjs_setFloat(added->userdata, heights.data(), static_cast<int>(heights.size()));
  placement->offset = {0, 0, *low};
  return added;
}

}  // namespace

ShapeAssets::ShapeAssets(int samples, int shadow_px)
    : samples_(samples), shadow_px_(shadow_px), model_(nullptr, mj_deleteModel) {}

ShapeAssets::~ShapeAssets() = default;

ShapeAssets::Key ShapeAssets::KeyOf(const SceneShape& shape) {
  if (shape.kind == Kind::kMesh) return {shape.mesh.get(), IsMirrored(shape)};
  return {shape.heights.get(), false};
}

absl::Status ShapeAssets::Add(const Scene& scene) {
  bool is_new = model_ == nullptr;
  Assets assets;
  for (const SceneShape& shape : scene.shapes) {
    if (!IsAsset(shape)) continue;
    const Key key = KeyOf(shape);
    if (key.first == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("a shape of body ", shape.body, " has no ",
                       shape.kind == Kind::kMesh ? "mesh" : "heights"));
    }
    const auto known = assets_.find(key);
    if (known != assets_.end() && !known->second.owner.expired()) continue;
    is_new = true;
    absl::Status status = shape.kind == Kind::kMesh ? CheckMesh(*shape.mesh) : CheckHeights(shape);
    if (!status.ok()) return status;
    Asset asset;
    asset.shape = shape;
    asset.shape.mesh = nullptr;
    asset.shape.heights = nullptr;
    if (shape.kind == Kind::kMesh) {
      asset.owner = shape.mesh;
    } else {
      asset.owner = shape.heights;
    }
    assets[key] = std::move(asset);
  }
  if (!is_new) return absl::OkStatus();
  for (const auto& [key, asset] : assets_) {
    if (!asset.owner.expired()) assets.emplace(key, asset);
  }
  Model model(nullptr, mj_deleteModel);
  if (absl::Status status = Compile(&assets, &model); !status.ok()) return status;
  assets_ = std::move(assets);
  model_ = std::move(model);
  ++version_;
  return absl::OkStatus();
}

absl::Status ShapeAssets::Compile(Assets* assets, Model* model) const {
  const std::unique_ptr<mjSpec, void (*)(mjSpec*)> spec(mj_makeSpec(), mj_deleteSpec);
  spec->visual.quality.offsamples = samples_;
  spec->visual.quality.shadowsize = shadow_px_;
  AddFloorAndSky(spec.get());
  int meshes = 0, height_fields = 0;
  // Another thread may let go of the last scene that has one: kept until it is compiled.
  std::vector<std::shared_ptr<const void>> kept;
  for (auto& [key, asset] : *assets) {
    kept.push_back(asset.owner.lock());
    if (kept.back() == nullptr) continue;
    asset.placement = Placement();
    if (asset.shape.kind == Kind::kMesh) {
      const auto& mesh = *static_cast<const SceneMesh*>(key.first);
      mjsMesh* added = AddMesh(mesh, key.second, spec.get());
      mjs_setName(added->element, absl::StrCat(mesh.name, " ", meshes).c_str());
      asset.id = meshes++;
    } else {
      const auto& heights = *static_cast<const std::vector<float>*>(key.first);
      mjsHField* added = AddHeightField(asset.shape, heights, &asset.placement, spec.get());
      mjs_setName(added->element, absl::StrCat("height field ", height_fields).c_str());
      asset.id = height_fields++;
    }
  }
  model->reset(mj_compile(spec.get(), nullptr));
  if (*model == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("MuJoCo cannot draw the scene: ", mjs_getError(spec.get())));
  }
  for (auto& [key, asset] : *assets) {
    if (asset.shape.kind != Kind::kMesh || asset.owner.expired()) continue;
    Placement& placement = asset.placement;
    mjtNum matrix[9];
    mju_quat2Mat(matrix, (*model)->mesh_quat + 4 * asset.id);
    std::copy(matrix, matrix + 9, placement.matrix.begin());
    std::copy_n((*model)->mesh_pos + 3 * asset.id, 3, placement.offset.begin());
    if (key.second) {  // x points back.
      for (int i = 0; i < 3; ++i) placement.matrix[i] *= -1;
      placement.offset[0] *= -1;
    }
  }
  return absl::OkStatus();
}

std::pair<int, Placement> ShapeAssets::Find(const SceneShape& shape) const {
  const Asset& asset = assets_.at(KeyOf(shape));
  Placement placement = asset.placement;
  std::array<double, 3> scale = shape.size;
  if (shape.kind == Kind::kHeightField) scale[2] = 1;
  for (int i = 0; i < 3; ++i) {
    placement.offset[i] *= scale[i];
    for (int j = 0; j < 3; ++j) placement.matrix[3 * i + j] *= scale[i];
  }
  return {shape.kind == Kind::kMesh ? 2 * asset.id : asset.id, placement};
}

}  // namespace armature
