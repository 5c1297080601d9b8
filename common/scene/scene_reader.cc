#include "common/scene/scene_reader.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/scene/scene_messages.h"
#include "common/tensor/packed.h"

namespace armature {
namespace {

// Copies `values` to `out`, which has as many.
template <typename Values>
absl::Status ReadNumbers(const google::protobuf::RepeatedField<double>& values,
                         absl::string_view name, Values* out) {
  if (values.size() != static_cast<int>(out->size())) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " has ", values.size(), " numbers, expected ", out->size()));
  }
  for (const double value : values) {
    if (!std::isfinite(value)) {
      return absl::InvalidArgumentError(absl::StrCat(name, " has the number ", value));
    }
  }
  std::copy(values.begin(), values.end(), out->begin());
  return absl::OkStatus();
}

struct NamedLength {
  absl::string_view name;
  double value;
};

// Copies lengths to the first of `size`.
absl::Status ReadLengths(std::initializer_list<NamedLength> lengths, std::array<double, 3>* size) {
  size->fill(0);
  double* to = size->data();
  for (const NamedLength& length : lengths) {
    if (!(length.value > 0 && std::isfinite(length.value))) {
      return absl::InvalidArgumentError(
          absl::StrCat(length.name, " is ", length.value, ", expected a finite number above 0"));
    }
    *to++ = length.value;
  }
  return absl::OkStatus();
}

absl::Status ReadMeshScale(const v1::MeshGeometry& mesh, std::array<double, 3>* scale) {
  absl::Status status = ReadNumbers(mesh.scale(), "mesh.scale", scale);
  if (!status.ok() || std::count(scale->begin(), scale->end(), 0) == 0) return status;
  return absl::InvalidArgumentError("mesh.scale has the number 0; negative ones mirror");
}

absl::Status ReadHeightField(const v1::HeightFieldGeometry& field, SceneShape* shape) {
  absl::Status status = ReadLengths(
      {{"height_field.cell_x", field.cell_x()}, {"height_field.cell_y", field.cell_y()}},
      &shape->size);
  status.Update(CheckTensor(field.height(), v1::DTYPE_FLOAT32, {-1, -1}, "height_field.height"));
  if (!status.ok()) return status;
  const absl::Span<const float> heights = TensorValues<float>(field.height());
  shape->rows = static_cast<int>(field.height().shape(0));
  shape->columns = static_cast<int>(field.height().shape(1));
  shape->heights = std::make_shared<std::vector<float>>(heights.begin(), heights.end());
  return absl::OkStatus();
}

absl::Status ReadGeometry(const v1::SceneShape& message, SceneShape* shape) {
  using Kind = SceneShape::Kind;
  switch (message.geometry_case()) {
    case v1::SceneShape::kBox:
      shape->kind = Kind::kBox;
      return ReadLengths({{"box.x", message.box().x()},
                          {"box.y", message.box().y()},
                          {"box.z", message.box().z()}},
                         &shape->size);
    case v1::SceneShape::kSphere:
      shape->kind = Kind::kSphere;
      return ReadLengths({{"sphere.radius", message.sphere().radius()}}, &shape->size);
    case v1::SceneShape::kCylinder:
      shape->kind = Kind::kCylinder;
      return ReadLengths({{"cylinder.radius", message.cylinder().radius()},
                          {"cylinder.length", message.cylinder().length()}},
                         &shape->size);
    case v1::SceneShape::kCapsule:
      shape->kind = Kind::kCapsule;
      return ReadLengths({{"capsule.radius", message.capsule().radius()},
                          {"capsule.length", message.capsule().length()}},
                         &shape->size);
    case v1::SceneShape::kPlane:
      shape->kind = Kind::kPlane;
      return absl::OkStatus();
    case v1::SceneShape::kMesh:
      shape->kind = Kind::kMesh;
      return ReadMeshScale(message.mesh(), &shape->size);
    case v1::SceneShape::kHeightField:
      shape->kind = Kind::kHeightField;
      return ReadHeightField(message.height_field(), shape);
    default:
      return absl::InvalidArgumentError("it has no known geometry");
  }
}

absl::StatusOr<SceneShape> ReadShape(const v1::SceneShape& message, size_t bodies) {
  SceneShape shape;
  if (message.body() >= bodies) {
    return absl::InvalidArgumentError(
        absl::StrCat("body is ", message.body(), ", the scene has ", bodies));
  }
  shape.body = static_cast<int>(message.body());
  absl::Status status = ReadNumbers(message.pose(), "pose", &shape.pose);
  status.Update(ReadNumbers(message.colour(), "colour", &shape.colour));
  status.Update(ReadGeometry(message, &shape));
  if (!status.ok()) return status;
  return shape;
}

absl::Status Named(absl::string_view what, int index, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(what, "[", index, "]: ", status.message()));
}

}  // namespace

absl::StatusOr<bool> SceneReader::Read(const v1::WatchResponse& message) {
  if (scene_ == nullptr && message.kind_case() != v1::WatchResponse::kOpened) {
    return absl::InvalidArgumentError("the first message is not `opened`");
  }
  switch (message.kind_case()) {
    case v1::WatchResponse::kOpened:
      if (absl::Status status = ReadOpened(message.opened()); !status.ok()) return status;
      return false;
    case v1::WatchResponse::kMesh:
      if (absl::Status status = ReadMesh(message.mesh()); !status.ok()) return status;
      return false;
    case v1::WatchResponse::kFrame:
      if (absl::Status status = ReadFrame(message.frame()); !status.ok()) return status;
      return true;
    default:
      return absl::InvalidArgumentError("a message of no known kind");
  }
}

absl::Status SceneReader::ReadOpened(const v1::WatchOpened& opened) {
  absl::StatusOr<EnvSpec> spec = EnvSpec::FromProto(opened.spec());
  if (!spec.ok()) return spec.status();
  auto scene = std::make_shared<Scene>();
  for (const v1::SceneBody& body : opened.scene().body()) {
    scene->bodies.push_back({body.name(), body.is_marker()});
  }
  for (int i = 0; i < opened.scene().shape_size(); ++i) {
    auto shape = ReadShape(opened.scene().shape(i), scene->bodies.size());
    if (!shape.ok()) return Named("scene.shape", i, shape.status());
    if (shape->kind == SceneShape::Kind::kMesh) {
      auto mesh = std::make_shared<SceneMesh>();
      mesh->name = opened.scene().shape(i).mesh().name();
      shape->mesh = std::move(mesh);  // Without triangles until they come.
    }
    scene->shapes.push_back(*std::move(shape));
  }
  for (int i = 0; i < opened.scene().camera_size(); ++i) {
    const v1::SceneCamera& from = opened.scene().camera(i);
    SceneCamera camera;
    camera.name = from.name();
    absl::Status status = ReadNumbers(from.position(), "position", &camera.position);
    status.Update(ReadNumbers(from.target(), "target", &camera.target));
    if (!status.ok()) return Named("scene.camera", i, status);
    camera.vertical_field_of_view_deg = from.vertical_field_of_view_deg();
    camera.width_px = static_cast<int>(from.width_px());
    camera.height_px = static_cast<int>(from.height_px());
    camera.tracked_body = from.tracked_body();
    scene->cameras.push_back(std::move(camera));
  }
  spec_ = *std::move(spec);
  scene_ = std::move(scene);
  return absl::OkStatus();
}

absl::Status SceneReader::ReadMesh(const v1::Mesh& message) {
  if (frame_.scene == scene_) return absl::InvalidArgumentError("a mesh comes after a frame");
  absl::Status status = CheckTensor(message.vertex(), v1::DTYPE_FLOAT32, {-1, 3}, "mesh.vertex");
  status.Update(CheckTensor(message.triangle(), v1::DTYPE_INT32, {-1, 3}, "mesh.triangle"));
  if (!status.ok()) return status;
  const absl::Span<const float> vertices = TensorValues<float>(message.vertex());
  const absl::Span<const int32_t> triangles = TensorValues<int32_t>(message.triangle());
  for (const int32_t index : triangles) {
    if (index < 0 || 3 * static_cast<size_t>(index) >= vertices.size()) {
      return absl::InvalidArgumentError(absl::StrCat("mesh '", message.name(), "' has no vertex ",
                                                     index, " that a triangle names"));
    }
  }
  auto mesh = std::make_shared<SceneMesh>();
  mesh->name = message.name();
  mesh->vertices.assign(vertices.begin(), vertices.end());
  mesh->triangles.assign(triangles.begin(), triangles.end());
  for (SceneShape& shape : scene_->shapes) {
    if (shape.mesh != nullptr && shape.mesh->name == mesh->name) shape.mesh = mesh;
  }
  return absl::OkStatus();
}

absl::Status SceneReader::ReadFrame(const v1::PoseFrame& message) {
  const auto bodies = static_cast<int64_t>(scene_->bodies.size());
  absl::Status status =
      CheckTensor(message.pose(), v1::DTYPE_FLOAT32, {bodies, kPoseSize}, "frame.pose");
  status.Update(
      CheckTensor(message.contact(), v1::DTYPE_FLOAT32, {-1, kContactSize}, "frame.contact"));
  status.Update(ReadChangedShapes(message));
  if (!status.ok()) return status;
  frame_.scene = scene_;
  SceneView& view = frame_.view;
  view.poses.resize(bodies);
  const float* pose = TensorValues<float>(message.pose()).data();
  for (ScenePose& to : view.poses) {
    std::copy(pose, pose + kPoseSize, to.begin());
    pose += kPoseSize;
  }
  view.contacts.resize(message.contact().shape(0));
  const float* contact = TensorValues<float>(message.contact()).data();
  for (SceneContact& to : view.contacts) {
    std::copy(contact, contact + 3, to.position.begin());
    std::copy(contact + 3, contact + 6, to.normal.begin());
    to.force = contact[6];
    contact += kContactSize;
  }
  view.time_s = message.time_s();
  frame_.episode = message.episode();
  frame_.episode_step = message.episode_step();
  frame_.reward = message.reward();
  frame_.return_sum = message.return_sum();
  frame_.metrics.assign(message.metric().begin(), message.metric().end());
  frame_.action.assign(message.action().begin(), message.action().end());
  frame_.terminated = message.terminated();
  frame_.truncated = message.truncated();
  frame_.is_success = message.is_success();
  return absl::OkStatus();
}

absl::Status SceneReader::ReadChangedShapes(const v1::PoseFrame& message) {
  if (message.changed_shape_size() != message.changed_index_size()) {
    return absl::InvalidArgumentError(absl::StrCat("frame has ", message.changed_shape_size(),
                                                   " changed_shape and ",
                                                   message.changed_index_size(), " changed_index"));
  }
  if (message.changed_shape_size() == 0) return absl::OkStatus();
  scene_ = std::make_shared<Scene>(*scene_);
  for (int i = 0; i < message.changed_shape_size(); ++i) {
    const uint32_t index = message.changed_index(i);
    if (index >= scene_->shapes.size()) {
      return absl::InvalidArgumentError(absl::StrCat("frame.changed_index[", i, "] is ", index,
                                                     ", the scene has ", scene_->shapes.size()));
    }
    auto shape = ReadShape(message.changed_shape(i), scene_->bodies.size());
    if (!shape.ok()) return Named("frame.changed_shape", i, shape.status());
    SceneShape& to = scene_->shapes[index];
    if (shape->kind != to.kind) {
      return absl::InvalidArgumentError(
          absl::StrCat("frame.changed_shape[", i, "] is of another kind than before"));
    }
    shape->mesh = to.mesh;
    to = *std::move(shape);
  }
  ++frame_.view.scene_version;
  return absl::OkStatus();
}

}  // namespace armature
