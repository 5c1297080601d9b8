#include "common/scene/scene_reader.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/scene/scene_messages.h"
#include "common/tensor/packed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

constexpr Colour kRed = {1, 0, 0, 1};

EnvSpec Spec() {
  EnvSpec spec;
  spec.id = "shapes";
  spec.observation = {{"position", v1::DTYPE_FLOAT32, {2}, {}, {}}};
  spec.action.low = {-1};
  spec.action.high = {1};
  spec.control_period_s = 0.1;
  spec.has_scene = true;
  return spec;
}

// A scene with one shape of each kind.
Scene Shapes() {
  using Kind = SceneShape::Kind;
  Scene scene;
  scene.bodies = {{"robot", false}, {"goal", true}};
  for (const Kind kind : {Kind::kBox, Kind::kSphere, Kind::kCylinder, Kind::kCapsule, Kind::kPlane,
                          Kind::kMesh, Kind::kHeightField}) {
    SceneShape shape;
    shape.kind = kind;
    shape.body = static_cast<int>(scene.shapes.size() % 2);
    shape.pose = {0.1, 0.2, 0.3, 0, 0, 0.6, 0.8};
    shape.colour = {0.25, 0.5, 0.75, 0.5};
    shape.size = {0.5, 0.25, 2};
    scene.shapes.push_back(shape);
  }
  SceneMesh mesh;
  mesh.name = "link.dae";
  mesh.vertices = {0, 0, 0, 1, 0, 0, 0, 1, 0};
  mesh.triangles = {0, 1, 2};
  scene.shapes[5].mesh = std::make_shared<SceneMesh>(mesh);
  scene.shapes[6].heights =
      std::make_shared<std::vector<float>>(std::vector<float>{0, 1, 2, 3, 4, 5});
  scene.shapes[6].rows = 2;
  scene.shapes[6].columns = 3;
  SceneCamera camera;
  camera.name = "front";
  camera.position = {1, 2, 3};
  camera.vertical_field_of_view_deg = 30;
  camera.width_px = 320;
  camera.height_px = 200;
  camera.tracked_body = scene.bodies[0].name;
  scene.cameras = {camera};
  return scene;
}

SlotFrame FrameOf(const Scene& scene) {
  SlotFrame frame;
  frame.scene = std::make_shared<Scene>(scene);
  frame.view.poses = {{0, 0, 1, 0, 0, 0, 1}, {0.5, 0, 0, 0, 0, 0, 1}};
  frame.view.contacts = {{{1, 2, 3}, {0, 0, 1}, 9.5f}};
  frame.view.time_s = 0.3;
  frame.episode = 4;
  frame.episode_step = 3;
  frame.reward = -1;
  frame.return_sum = -2.5;
  frame.metrics = {7};
  frame.action = {0.5f};
  frame.truncated = true;
  frame.is_success = true;
  return frame;
}

class SceneReaderTest : public testing::Test {
 protected:
  static v1::WatchResponse Opened(const Scene& scene) {
    v1::WatchResponse message;
    *message.mutable_opened()->mutable_spec() = Spec().ToProto();
    *message.mutable_opened()->mutable_scene() = SceneMessage(scene);
    return message;
  }
  static v1::WatchResponse Frame(const SlotFrame& frame, const Scene& sent) {
    v1::WatchResponse message;
    EXPECT_TRUE(WriteFrame(frame, sent, message.mutable_frame()).ok());
    return message;
  }
  void Open(const Scene& scene) {
    ASSERT_FALSE(Read(Opened(scene)));
    for (const auto& mesh : MeshesOf(scene)) {
      v1::WatchResponse message;
      *message.mutable_mesh() = MeshMessage(*mesh);
      ASSERT_FALSE(Read(message));
    }
  }
  bool Read(const v1::WatchResponse& message) {
    const absl::StatusOr<bool> is_frame = reader_.Read(message);
    EXPECT_TRUE(is_frame.ok()) << is_frame.status();
    return is_frame.ok() && *is_frame;
  }
  std::string Refusal(const v1::WatchResponse& message) {
    const absl::StatusOr<bool> is_frame = reader_.Read(message);
    EXPECT_TRUE(absl::IsInvalidArgument(is_frame.status())) << is_frame.status();
    return std::string(is_frame.status().message());
  }

  SceneReader reader_;
};

TEST_F(SceneReaderTest, WhatWasWrittenIsReadShapeByShapeAndMemberByMember) {
  const Scene scene = Shapes();
  Open(scene);
  EXPECT_EQ(reader_.spec().id, "shapes");
  const SlotFrame sent = FrameOf(scene);
  ASSERT_TRUE(Read(Frame(sent, scene)));
  const SlotFrame& frame = reader_.frame();
  ASSERT_EQ(frame.scene->shapes.size(), scene.shapes.size());
  for (size_t i = 0; i < scene.shapes.size(); ++i) {
    SCOPED_TRACE(i);
    const SceneShape& shape = frame.scene->shapes[i];
    EXPECT_EQ(shape.kind, scene.shapes[i].kind);
    EXPECT_EQ(shape.body, scene.shapes[i].body);
    EXPECT_EQ(shape.pose, scene.shapes[i].pose);
    EXPECT_EQ(shape.colour, scene.shapes[i].colour);
    EXPECT_EQ(shape.size[0], shape.kind == SceneShape::Kind::kPlane ? 1 : 0.5);
  }
  EXPECT_EQ(frame.scene->shapes[0].size, scene.shapes[0].size);
  EXPECT_EQ(frame.scene->shapes[2].size[1], 0.25);
  EXPECT_EQ(frame.scene->shapes[5].mesh->vertices, scene.shapes[5].mesh->vertices);
  EXPECT_EQ(frame.scene->shapes[5].mesh->triangles, scene.shapes[5].mesh->triangles);
  EXPECT_EQ(*frame.scene->shapes[6].heights, *scene.shapes[6].heights);
  EXPECT_EQ(frame.scene->shapes[6].rows, 2);
  EXPECT_EQ(frame.scene->bodies[1].name, "goal");
  EXPECT_TRUE(frame.scene->bodies[1].is_marker);
  EXPECT_EQ(frame.scene->cameras[0].name, "front");
  EXPECT_EQ(frame.scene->cameras[0].position, scene.cameras[0].position);
  EXPECT_EQ(frame.scene->cameras[0].width_px, 320);
  EXPECT_EQ(frame.scene->cameras[0].tracked_body, scene.bodies[0].name);
  EXPECT_EQ(frame.view.poses, sent.view.poses);
  ASSERT_EQ(frame.view.contacts.size(), 1u);
  EXPECT_EQ(frame.view.contacts[0].force, 9.5f);
  EXPECT_EQ(frame.view.time_s, 0.3);
  EXPECT_EQ(frame.episode, 4u);
  EXPECT_EQ(frame.episode_step, 3);
  EXPECT_EQ(frame.return_sum, -2.5);
  EXPECT_EQ(frame.metrics, sent.metrics);
  EXPECT_EQ(frame.action, sent.action);
  EXPECT_FALSE(frame.terminated);
  EXPECT_TRUE(frame.truncated);
  EXPECT_TRUE(frame.is_success);
}

TEST_F(SceneReaderTest, AChangedShapeChangesTheNextFramesSceneAndNotTheLastOnes) {
  Scene scene = Shapes();
  Open(scene);
  ASSERT_TRUE(Read(Frame(FrameOf(scene), scene)));
  const SlotFrame before = reader_.frame();
  Scene changed = scene;
  changed.shapes[5].colour = kRed;
  ASSERT_TRUE(Read(Frame(FrameOf(changed), scene)));
  EXPECT_EQ(reader_.frame().scene->shapes[5].colour, kRed);
  EXPECT_NE(reader_.frame().scene->shapes[5].mesh, nullptr);
  EXPECT_NE(reader_.frame().view.scene_version, before.view.scene_version);
  EXPECT_EQ(before.scene->shapes[5].colour, scene.shapes[5].colour);
}

TEST_F(SceneReaderTest, AnotherSceneMayFollow) {
  Open(Shapes());
  ASSERT_TRUE(Read(Frame(FrameOf(Shapes()), Shapes())));
  Scene other = Shapes();
  other.shapes.resize(1);
  Open(other);
  ASSERT_TRUE(Read(Frame(FrameOf(other), other)));
  EXPECT_EQ(reader_.frame().scene->shapes.size(), 1u);
}

TEST_F(SceneReaderTest, MessagesThatBreakTheRulesAreRefusedByName) {
  const Scene scene = Shapes();
  const v1::WatchResponse frame = Frame(FrameOf(scene), scene);
  EXPECT_THAT(Refusal(frame), HasSubstr("not `opened`"));
  v1::WatchResponse opened = Opened(scene);
  opened.mutable_opened()->mutable_scene()->mutable_shape(1)->set_body(2);
  EXPECT_THAT(Refusal(opened), HasSubstr("scene.shape[1]: body is 2, the scene has 2"));
  opened = Opened(scene);
  opened.mutable_opened()->mutable_scene()->mutable_shape(3)->mutable_pose()->RemoveLast();
  EXPECT_THAT(Refusal(opened), HasSubstr("scene.shape[3]: pose has 6 numbers, expected 7"));
  opened = Opened(scene);
  opened.mutable_opened()->mutable_scene()->mutable_shape(2)->set_colour(
      0, std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(Refusal(opened), HasSubstr("scene.shape[2]: colour has the number nan"));
  opened = Opened(scene);
  opened.mutable_opened()->mutable_scene()->mutable_shape(0)->clear_geometry();
  EXPECT_THAT(Refusal(opened), HasSubstr("no known geometry"));
  EXPECT_THAT(Refusal({}), HasSubstr("not `opened`"));
}

TEST_F(SceneReaderTest, MeshesAndFramesThatDoNotFitAreRefused) {
  const Scene scene = Shapes();
  Open(scene);
  v1::WatchResponse mesh;
  *mesh.mutable_mesh() = MeshMessage(*scene.shapes[5].mesh);
  SetTensor<int32_t>({1, 3}, {0, 1, 3}, mesh.mutable_mesh()->mutable_triangle());
  EXPECT_THAT(Refusal(mesh), HasSubstr("mesh 'link.dae' has no vertex 3"));
  v1::WatchResponse frame = Frame(FrameOf(scene), scene);
  SetTensor<float>({1, 7}, {0, 0, 0, 0, 0, 0, 1}, frame.mutable_frame()->mutable_pose());
  EXPECT_THAT(Refusal(frame), HasSubstr("frame.pose"));
  frame = Frame(FrameOf(scene), scene);
  frame.mutable_frame()->add_changed_index(0);
  EXPECT_THAT(Refusal(frame), HasSubstr("0 changed_shape and 1 changed_index"));
  *frame.mutable_frame()->add_changed_shape() = SceneMessage(scene).shape(1);
  EXPECT_THAT(Refusal(frame), HasSubstr("of another kind"));
  ASSERT_TRUE(Read(Frame(FrameOf(scene), scene)));
  *mesh.mutable_mesh() = MeshMessage(*scene.shapes[5].mesh);
  EXPECT_THAT(Refusal(mesh), HasSubstr("a mesh comes after a frame"));
}

TEST_F(SceneReaderTest, SizesThatNoShapeCanHaveAreRefusedByName) {
  const double infinity = std::numeric_limits<double>::infinity();
  const double bad[] = {std::numeric_limits<double>::quiet_NaN(), infinity, -infinity, -0.5, 0};
  const std::pair<int, const char*> fields[] = {{0, "box.x"},
                                                {0, "box.y"},
                                                {0, "box.z"},
                                                {1, "sphere.radius"},
                                                {2, "cylinder.radius"},
                                                {2, "cylinder.length"},
                                                {3, "capsule.radius"},
                                                {3, "capsule.length"},
                                                {6, "height_field.cell_x"},
                                                {6, "height_field.cell_y"}};
  for (const auto& [index, field] : fields) {
    for (const double value : bad) {
      v1::WatchResponse opened = Opened(Shapes());
      v1::SceneShape* shape = opened.mutable_opened()->mutable_scene()->mutable_shape(index);
      const std::vector<std::string> words = absl::StrSplit(field, '.');
      google::protobuf::Message* geometry = shape->GetReflection()->MutableMessage(
          shape, shape->GetDescriptor()->FindFieldByName(words[0]));
      geometry->GetReflection()->SetDouble(
          geometry, geometry->GetDescriptor()->FindFieldByName(words[1]), value);
      EXPECT_EQ(Refusal(opened), absl::StrCat("scene.shape[", index, "]: ", field, " is ", value,
                                              ", expected a finite number above 0"));
    }
  }
}

TEST_F(SceneReaderTest, AMeshMayBeMirroredButNotFlattenedAndHeightsAreFinite) {
  Scene scene = Shapes();
  scene.shapes[5].size = {-1, 1, 1};
  Open(scene);
  v1::WatchResponse opened = Opened(scene);
  opened.mutable_opened()->mutable_scene()->mutable_shape(5)->mutable_mesh()->set_scale(1, 0);
  EXPECT_EQ(Refusal(opened), "scene.shape[5]: mesh.scale has the number 0; negative ones mirror");
  scene.shapes[6].heights = std::make_shared<std::vector<float>>(
      std::vector<float>{0, 1, 2, std::numeric_limits<float>::infinity(), 4, 5});
  EXPECT_EQ(Refusal(Opened(scene)),
            "scene.shape[6]: height_field.height[1,0] is inf, expected a finite value");
}

}  // namespace
}  // namespace armature
