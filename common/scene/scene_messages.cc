#include "common/scene/scene_messages.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/tensor/packed.h"

namespace armature {
namespace {

template <typename Values>
void AddAll(const Values& values, google::protobuf::RepeatedField<double>* out) {
  for (double value : values) out->Add(value);
}

v1::SceneShape ShapeMessage(const SceneShape& shape) {
  v1::SceneShape out;
  out.set_body(static_cast<uint32_t>(shape.body));
  AddAll(shape.pose, out.mutable_pose());
  AddAll(shape.colour, out.mutable_colour());
  switch (shape.kind) {
    case SceneShape::Kind::kBox:
      out.mutable_box()->set_x(shape.size[0]);
      out.mutable_box()->set_y(shape.size[1]);
      out.mutable_box()->set_z(shape.size[2]);
      break;
    case SceneShape::Kind::kSphere:
      out.mutable_sphere()->set_radius(shape.size[0]);
      break;
    case SceneShape::Kind::kCylinder:
    case SceneShape::Kind::kCapsule: {
      v1::CylinderGeometry* geometry = shape.kind == SceneShape::Kind::kCylinder
                                           ? out.mutable_cylinder()
                                           : out.mutable_capsule();
      geometry->set_radius(shape.size[0]);
      geometry->set_length(shape.size[1]);
      break;
    }
    case SceneShape::Kind::kPlane:
      out.mutable_plane();
      break;
    case SceneShape::Kind::kMesh:
      if (shape.mesh != nullptr) out.mutable_mesh()->set_name(shape.mesh->name);
      AddAll(shape.size, out.mutable_mesh()->mutable_scale());
      break;
    case SceneShape::Kind::kHeightField:
      out.mutable_height_field()->set_cell_x(shape.size[0]);
      out.mutable_height_field()->set_cell_y(shape.size[1]);
      if (shape.heights != nullptr) {
        SetTensor<float>({shape.rows, shape.columns}, *shape.heights,
                         out.mutable_height_field()->mutable_height());
      }
      break;
  }
  return out;
}

absl::Status CheckSameShapes(const SlotFrame& frame, const Scene& sent) {
  const Scene& scene = *frame.scene;
  bool same = scene.bodies.size() == sent.bodies.size() &&
              scene.shapes.size() == sent.shapes.size() &&
              frame.view.poses.size() == sent.bodies.size();
  for (size_t i = 0; same && i < scene.shapes.size(); ++i) {
    same =
        scene.shapes[i].kind == sent.shapes[i].kind && scene.shapes[i].body == sent.shapes[i].body;
  }
  if (same) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the slot has other bodies or shapes than at first: watch it again");
}

}  // namespace

v1::Scene SceneMessage(const Scene& scene) {
  v1::Scene out;
  for (const SceneBody& body : scene.bodies) {
    v1::SceneBody* to = out.add_body();
    to->set_name(body.name);
    to->set_is_marker(body.is_marker);
  }
  for (const SceneShape& shape : scene.shapes) *out.add_shape() = ShapeMessage(shape);
  for (const SceneCamera& camera : scene.cameras) {
    v1::SceneCamera* to = out.add_camera();
    to->set_name(camera.name);
    AddAll(camera.position, to->mutable_position());
    AddAll(camera.target, to->mutable_target());
    to->set_vertical_field_of_view_deg(camera.vertical_field_of_view_deg);
    to->set_width_px(static_cast<uint32_t>(camera.width_px));
    to->set_height_px(static_cast<uint32_t>(camera.height_px));
    to->set_tracked_body(camera.tracked_body);
  }
  return out;
}

v1::Mesh MeshMessage(const SceneMesh& mesh) {
  v1::Mesh out;
  out.set_name(mesh.name);
  SetTensor<float>({static_cast<int64_t>(mesh.vertices.size()) / 3, 3}, mesh.vertices,
                   out.mutable_vertex());
  SetTensor<int32_t>({static_cast<int64_t>(mesh.triangles.size()) / 3, 3}, mesh.triangles,
                     out.mutable_triangle());
  return out;
}

std::vector<std::shared_ptr<const SceneMesh>> MeshesOf(const Scene& scene) {
  std::vector<std::shared_ptr<const SceneMesh>> meshes;
  std::set<std::string> names;
  for (const SceneShape& shape : scene.shapes) {
    if (shape.mesh != nullptr && names.insert(shape.mesh->name).second) {
      meshes.push_back(shape.mesh);
    }
  }
  return meshes;
}

absl::Status WriteFrame(const SlotFrame& frame, const Scene& sent, v1::PoseFrame* out) {
  if (absl::Status status = CheckSameShapes(frame, sent); !status.ok()) return status;
  const SceneView& view = frame.view;
  const auto bodies = static_cast<int64_t>(view.poses.size());
  float* pose = ResizeTensor<float>({bodies, kPoseSize}, out->mutable_pose());
  for (const ScenePose& from : view.poses) pose = std::copy(from.begin(), from.end(), pose);
  const absl::Span<const float> poses = TensorValues<float>(out->pose());
  if (const int64_t bad = FindNonFinite(poses); bad >= 0) {
    return absl::InternalError(
        absl::StrCat("the pose of body '", sent.bodies[bad / kPoseSize].name, "' is ", poses[bad]));
  }
  float* contact = ResizeTensor<float>({static_cast<int64_t>(view.contacts.size()), kContactSize},
                                       out->mutable_contact());
  for (const SceneContact& from : view.contacts) {
    contact = std::copy(from.position.begin(), from.position.end(), contact);
    contact = std::copy(from.normal.begin(), from.normal.end(), contact);
    *contact++ = from.force;
  }
  if (FindNonFinite(TensorValues<float>(out->contact())) >= 0) {
    return absl::InternalError("a contact is not finite");
  }
  out->set_episode(frame.episode);
  out->set_episode_step(static_cast<uint32_t>(frame.episode_step));
  out->set_time_s(view.time_s);
  out->set_reward(frame.reward);
  out->set_return_sum(frame.return_sum);
  out->mutable_metric()->Add(frame.metrics.begin(), frame.metrics.end());
  out->set_terminated(frame.terminated);
  out->set_truncated(frame.truncated);
  out->set_is_success(frame.is_success);
  out->mutable_action()->Add(frame.action.begin(), frame.action.end());
  if (frame.scene.get() == &sent) return absl::OkStatus();
  for (size_t i = 0; i < sent.shapes.size(); ++i) {
    const SceneShape& shape = frame.scene->shapes[i];
    if (shape.size == sent.shapes[i].size && shape.colour == sent.shapes[i].colour) continue;
    *out->add_changed_shape() = ShapeMessage(shape);
    out->add_changed_index(static_cast<uint32_t>(i));
  }
  return absl::OkStatus();
}

}  // namespace armature
