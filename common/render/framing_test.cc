#include "common/render/framing.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;

void Add(SceneShape::Kind kind, const std::array<double, 3>& size, const ScenePose& pose,
         Scene* scene, SceneView* view) {
  SceneShape shape;
  shape.body = static_cast<int>(scene->bodies.size());
  shape.kind = kind;
  shape.size = size;
  scene->shapes.push_back(shape);
  scene->bodies.push_back({"body"});
  view->poses.push_back(pose);
}

// Angle between the line of sight and a point, in degrees.
double AngleOf(const SceneCamera& camera, const std::array<double, 3>& point) {
  double product = 0, a = 0, b = 0;
  for (int i = 0; i < 3; ++i) {
    const double forward = camera.target[i] - camera.position[i];
    const double to = point[i] - camera.position[i];
    product += forward * to;
    a = std::hypot(a, forward);
    b = std::hypot(b, to);
  }
  return std::acos(product / a / b) * 180 / M_PI;
}

TEST(FramingTest, EveryCornerOfTheSceneIsInThePictureWhichItFills) {
  for (const double scale : {0.05, 1.0, 30.0}) {
    Scene scene;
    SceneView view;
    const double half = std::sqrt(0.5);
    Add(SceneShape::Kind::kBox, {scale, scale, scale}, {scale, 0, 0, 0, 0, 0, 1}, &scene, &view);
    // On its side: 4 long in x.
    Add(SceneShape::Kind::kCapsule, {scale / 2, 3 * scale, 0}, {-scale, 0, 0, 0, half, 0, half},
        &scene, &view);
    const SceneCamera camera = FrameScene(scene, view);
    double widest = 0;
    for (const double x : {-3.0, 1.5}) {
      for (const double y : {-0.5, 0.5}) {
        for (const double z : {-0.5, 0.5}) {
          widest = std::max(widest, AngleOf(camera, {x * scale, y * scale, z * scale}));
        }
      }
    }
    EXPECT_LT(widest, camera.vertical_field_of_view_deg / 2);
    EXPECT_GT(widest, camera.vertical_field_of_view_deg / 4);
  }
}

TEST(FramingTest, FloorsTerrainAndMarkersDoNotCount) {
  Scene scene;
  SceneView view;
  Add(SceneShape::Kind::kSphere, {0.5, 0, 0}, {1, 2, 3, 0, 0, 0, 1}, &scene, &view);
  const SceneCamera alone = FrameScene(scene, view);
  EXPECT_THAT(alone.target, ElementsAre(1, 2, 3));
  EXPECT_EQ(alone.name, "default");
  Add(SceneShape::Kind::kPlane, {0, 0, 0}, kNoPose, &scene, &view);
  Add(SceneShape::Kind::kHeightField, {1, 1, 1}, kNoPose, &scene, &view);
  Add(SceneShape::Kind::kSphere, {9, 0, 0}, kNoPose, &scene, &view);
  scene.bodies.back().is_marker = true;
  EXPECT_EQ(FrameScene(scene, view).position, alone.position);
  EXPECT_EQ(FrameScene(scene, view).target, alone.target);
}

TEST(FramingTest, AnEmptySceneIsSeenByTheDefaultCamera) {
  const SceneCamera camera = FrameScene(Scene(), SceneView());
  EXPECT_EQ(camera.position, SceneCamera().position);
  EXPECT_EQ(camera.target, SceneCamera().target);
}

}  // namespace
}  // namespace armature
