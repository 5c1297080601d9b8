// What pictures show: shapes, shadows, transparency and text, where the camera puts them.
#include "common/render/renderer.h"

#include "common/render/testing/renderer_fixture.h"

namespace armature {
namespace {

TEST_F(RendererTest, APrimitiveFillsWhatItsSizeSaysAndNoMore) {
  struct Case {
    Kind kind;
    std::array<double, 3> size;
    std::array<double, 3> inside, outside;  // From the middle, in the plane that faces the camera.
  };
  const Case cases[] = {
      {Kind::kBox, {1, 0.01, 0.4}, {0.47, 0, 0.17}, {0.53, 0, 0.23}},
      {Kind::kBox, {1, 0.01, 0.4}, {-0.47, 0, -0.17}, {-0.47, 0, -0.23}},
      {Kind::kSphere, {0.4, 0, 0}, {0.27, 0, 0.27}, {0.31, 0, 0.31}},
      {Kind::kCylinder, {0.2, 0.8, 0}, {0.16, 0, 0.34}, {0.25, 0, 0.34}},
      {Kind::kCylinder, {0.2, 0.8, 0}, {0, 0, 0.34}, {0, 0, 0.5}},
      {Kind::kCapsule, {0.2, 0.6, 0}, {0, 0, 0.46}, {0, 0, 0.54}},
      {Kind::kCapsule, {0.2, 0.6, 0}, {0.17, 0, 0.25}, {0.17, 0, 0.46}},
  };
  for (const Case& c : cases) {
    scene_ = Scene();
    view_ = SceneView();
    const std::array<double, 3> middle = {0.3, 0, 0.6};
    Add(c.kind, c.size, middle, kRed);
    const Picture picture = Draw();
    const auto at = [&](const std::array<double, 3>& offset) {
      return picture.AtPoint({middle[0] + offset[0], middle[1] + offset[1], middle[2] + offset[2]});
    };
    SCOPED_TRACE(absl::StrCat("kind ", static_cast<int>(c.kind)));
    EXPECT_TRUE(IsRed(at(c.inside)));
    EXPECT_TRUE(IsBackground(at(c.outside)));
  }
}

TEST_F(RendererTest, APointIsWhereThePinholeCameraPutsIt) {
  camera_.position = {1.5, -2, 1.7};
  camera_.target = {-0.2, 0.3, 0.4};
  camera_.vertical_field_of_view_deg = 30;
  camera_.width_px = 400;
  const std::array<double, 3> points[] = {{0, 0, 0.5}, {-0.6, 0.3, 0.3}, {0.1, 0.8, 0.1}};
  for (const auto& point : points) {
    scene_ = Scene();
    view_ = SceneView();
    Add(Kind::kSphere, {0.02, 0, 0}, point, kRed);
    const Picture picture = Draw();
    double x = 0, y = 0, count = 0;
    for (int row = 0; row < camera_.height_px; ++row) {
      for (int column = 0; column < camera_.width_px; ++column) {
        if (!IsRed(picture.At(column, row))) continue;
        x += column;
        y += row;
        ++count;
      }
    }
    ASSERT_GT(count, 10);
    const auto expected = picture.Project(point);
    EXPECT_NEAR(x / count, expected[0], 0.5);
    EXPECT_NEAR(y / count, expected[1], 0.5);
  }
}

TEST_F(RendererTest, ACameraFollowsTheBodyThatItTracksWithoutTurning) {
  Add(Kind::kPlane, {0, 0, 0}, {0, 0, 0}, kGreen);
  const int ball = Add(Kind::kSphere, {0.2, 0, 0}, {0, 0, 0.5}, kRed);
  const Pixel at_first = Draw().AtPoint({0, 0, 0.5});
  EXPECT_TRUE(IsRed(at_first));
  const double half = std::sqrt(0.5);
  view_.poses[ball] = {10, -3, 1, 0, 0, half, half};
  EXPECT_FALSE(IsRed(Draw().AtPoint({0, 0, 0.5}))) << "a camera that stands still loses it";
  camera_.tracked_body = scene_.bodies[ball].name;
  camera_.position = {0, -4, 0.5};
  camera_.target = {0, 0, 0};
  const Picture picture = Draw();
  EXPECT_TRUE(IsRed(picture.AtPoint({0, 0, 0}))) << "in the middle, wherever it is";
  EXPECT_TRUE(IsRed(picture.AtPoint({0.15, 0, 0}))) << "as large as ever";
  EXPECT_TRUE(IsGreen(picture.AtPoint({0, 0, -1}))) << "what does not move is seen from there";
  EXPECT_FALSE(IsRed(picture.AtPoint({0, 0, -0.3})));
  camera_.tracked_body = "body7";
  EXPECT_EQ(TryDraw(camera_).message(),
            "camera '': there is no body 'body7' to track; there are body0, body1");
}

TEST_F(RendererTest, ShapesTurnAndMoveWithTheirBody) {
  Add(Kind::kBox, {1, 0.01, 0.1}, {0, 0, 0.5}, kGreen);
  scene_.shapes[0].pose = {0.5, 0, 0, 0, 0, 0, 1};  // Its left end is the body's origin.
  const double half = std::sqrt(0.5);
  view_.poses[0] = {0, 0, 0.2, 0, -half, 0, half};  // x points up.
  const Picture picture = Draw();
  EXPECT_TRUE(IsGreen(picture.AtPoint({0, 0, 1.1})));
  EXPECT_TRUE(IsGreen(picture.AtPoint({0, 0, 0.3})));
  EXPECT_TRUE(IsBackground(picture.AtPoint({0.5, 0, 0.2})));
}

TEST_F(RendererTest, TheNearerShapeHidesTheOther) {
  Add(Kind::kSphere, {0.2, 0, 0}, {0, 0, 0.5}, kRed);
  Add(Kind::kSphere, {0.2, 0, 0}, {0, -1, 0.6}, kBlue);
  EXPECT_TRUE(IsBlue(Draw().AtPoint({0, 0, 0.5})));
  std::swap(scene_.shapes[0], scene_.shapes[1]);
  EXPECT_TRUE(IsBlue(Draw().AtPoint({0, 0, 0.5})));
}

TEST_F(RendererTest, AShapeThrowsItsShadowAwayFromTheSunAndAMarkerThrowsNone) {
  camera_.position = {0, -3, 3};
  camera_.target = {0, 0, 0};
  Add(Kind::kPlane, {0, 0, 0}, {0, 0, 0}, {1, 1, 1, 1});
  const Picture bare = Draw();
  Add(Kind::kSphere, {0.2, 0, 0}, {0, 0, 1}, kRed);
  const Picture with_sphere = Draw();
  // The sun stands at (0.4, -0.4, 0.82): a height of 1 m is moved by -0.49 m and 0.49 m.
  const std::array<double, 3> shadow = {-0.49, 0.49, 0}, other_side = {0.49, 0.1, 0};
  EXPECT_LT(with_sphere.AtPoint(shadow).sum(), 0.75 * bare.AtPoint(shadow).sum());
  EXPECT_EQ(with_sphere.AtPoint(other_side), bare.AtPoint(other_side));
  scene_.bodies.back().is_marker = true;
  const Picture with_marker = Draw();
  EXPECT_TRUE(IsRed(with_marker.AtPoint({0, 0, 1})));
  EXPECT_EQ(with_marker.AtPoint(shadow), bare.AtPoint(shadow));
}

TEST_F(RendererTest, TheFloorReachesToTheHorizonAndIsTinted) {
  Add(Kind::kPlane, {0, 0, 0}, {0, 0, 0}, kGreen);
  const Picture picture = Draw();
  EXPECT_TRUE(IsGreen(picture.AtPoint({0, 0, 0})));
  EXPECT_TRUE(IsGreen(picture.AtPoint({5, 12, 0})));
  EXPECT_TRUE(IsBackground(picture.At(160, 2)));  // Sky.
  view_.poses[0][2] = 0.9;                        // Just below the camera.
  EXPECT_TRUE(IsGreen(Draw().AtPoint({0, 0, 0.9})));
}

TEST_F(RendererTest, AMeshStandsWhereItsVerticesSayScaledAndMirrored) {
  const int body = Add(Kind::kMesh, {1, 1, 1}, {0, 0, 0}, kBlue);
  scene_.shapes[0].mesh = WedgeMesh();
  const Picture plain = Draw();
  EXPECT_TRUE(IsBlue(plain.AtPoint({0.9, 0, 0.05})));
  EXPECT_TRUE(IsBlue(plain.AtPoint({0.05, 0, 0.9})));
  EXPECT_TRUE(IsBackground(plain.AtPoint({0.7, 0, 0.7})));
  EXPECT_TRUE(IsBackground(plain.AtPoint({-0.1, 0, 0.5})));

  scene_.shapes[0].size = {0.5, 1, 2};
  const Picture scaled = Draw();
  EXPECT_TRUE(IsBlue(scaled.AtPoint({0.45, 0, 0.05})));
  EXPECT_TRUE(IsBackground(scaled.AtPoint({0.6, 0, 0.05})));
  EXPECT_TRUE(IsBlue(scaled.AtPoint({0.03, 0, 1.5})));

  scene_.shapes[0].size = {-1, 1, 1};
  const Picture mirrored = Draw();
  EXPECT_TRUE(IsBlue(mirrored.AtPoint({-0.9, 0, 0.05})));
  EXPECT_TRUE(IsBackground(mirrored.AtPoint({0.5, 0, 0.3})));
  // Its front faces the camera still: as bright as the other one's.
  EXPECT_NEAR(mirrored.AtPoint({-0.3, 0, 0.3}).sum(), plain.AtPoint({0.3, 0, 0.3}).sum(), 12);
  view_.poses[body][0] = 1;
  EXPECT_TRUE(IsBlue(Draw().AtPoint({0.5, 0, 0.3})));
}

TEST_F(RendererTest, AFlatTriangleIsAMeshToo) {
  Add(Kind::kMesh, {1, 1, 1}, {0, 0, 0}, kBlue);
  auto mesh = std::make_shared<SceneMesh>();
  mesh->name = "triangle";
  mesh->vertices = {0, 0, 0, 1, 0, 0, 0, 0, 1};
  mesh->triangles = {0, 1, 2};
  scene_.shapes[0].mesh = mesh;
  const Picture picture = Draw();
  EXPECT_TRUE(IsBlue(picture.AtPoint({0.3, 0, 0.3})));
  EXPECT_TRUE(IsBackground(picture.AtPoint({0.7, 0, 0.7})));
}

TEST_F(RendererTest, AHeightFieldHasItsRowsAlongYAndItsHeightsInMetres) {
  Add(Kind::kHeightField, {0.5, 1, 1}, {0, 0, 0}, kGreen);
  SceneShape& field = scene_.shapes[0];
  field.rows = 2;
  field.columns = 5;  // From x = -1 to 1, y = -0.5 to 0.5.
  field.heights = std::make_shared<const std::vector<float>>(
      std::vector<float>{-0.2f, -0.2f, -0.2f, -0.2f, 1.0f, 0.2f, -0.2f, -0.2f, -0.2f, -0.2f});
  const Picture picture = Draw();
  EXPECT_TRUE(IsGreen(picture.AtPoint({0.97, -0.5, 0.9})));
  EXPECT_TRUE(IsBackground(picture.AtPoint({0.97, -0.5, 1.1})));
  EXPECT_TRUE(IsGreen(picture.AtPoint({-0.98, 0.5, 0.1})));
  EXPECT_TRUE(IsBackground(picture.AtPoint({-0.98, 0.5, 0.35})));
  EXPECT_TRUE(IsBackground(picture.AtPoint({-0.98, -0.5, 0.1})));
  EXPECT_TRUE(IsGreen(picture.AtPoint({0, 0, -0.2})));
}

TEST_F(RendererTest, ASceneWhoseSizesAndColoursChangeIsDrawnAsItIsNow) {
  Add(Kind::kBox, {0.4, 0.4, 0.4}, {0, 0, 0.5}, kRed);
  const std::array<double, 3> beside = {0.35, -0.2, 0.5};
  EXPECT_TRUE(IsBackground(Draw().AtPoint(beside)));
  scene_.shapes[0].size[0] = 0.9;
  scene_.shapes[0].colour = kGreen;
  ++view_.scene_version;
  EXPECT_TRUE(IsGreen(Draw().AtPoint(beside)));
}

TEST_F(RendererTest, WhatIsTransparentLetsTheColourBehindThrough) {
  Add(Kind::kSphere, {0.3, 0, 0}, {0, -1, 0.6}, {0.1, 0.1, 0.9, 0.3});
  Add(Kind::kBox, {2, 0.1, 2}, {0, 1, 0.5}, kRed);
  const Pixel through = Draw().AtPoint({0, -1, 0.6});
  scene_.shapes[0].colour[3] = 1;
  const Pixel solid = Draw().AtPoint({0, -1, 0.6});
  EXPECT_GT(through.r, solid.r + 40);
  EXPECT_GT(through.b, 60);
}

TEST_F(RendererTest, TextStandsInTheUpperLeftAndNowhereElse) {
  Add(Kind::kPlane, {0, 0, 0}, {0, 0, 0}, {1, 1, 1, 1});
  const Picture bare = Draw();
  const Picture with_text = Draw({{"step", "12"}, {"return", "3.5"}, {"success", "\xc3\xa4"}});
  int inside = 0, outside = 0;
  for (int y = 0; y < camera_.height_px; ++y) {
    for (int x = 0; x < camera_.width_px; ++x) {
      if (bare.At(x, y) == with_text.At(x, y)) continue;
      ++(x < camera_.width_px / 2 && y < camera_.height_px / 2 ? inside : outside);
    }
  }
  EXPECT_GT(inside, 500);
  EXPECT_EQ(outside, 0);
  const Picture other_text = Draw({{"step", "13"}, {"return", "3.5"}, {"success", "?"}});
  EXPECT_NE(other_text.rgb, with_text.rgb);
}

TEST_F(RendererTest, ACameraMayLookStraightDown) {
  camera_.position = {0, 0, 4};
  camera_.target = {0, 0, 0};
  Add(Kind::kBox, {0.5, 0.5, 0.1}, {0.75, 0.5, 0}, kRed);
  const Picture picture = Draw();
  // x to the right, y upwards: 4 m away, 240 pixels are 3.3 m.
  EXPECT_TRUE(IsRed(picture.At(160 + 54, 120 - 36)));
  EXPECT_TRUE(IsBackground(picture.At(160 - 54, 120 - 36)));
  EXPECT_TRUE(IsBackground(picture.At(160 + 54, 120 + 36)));
}

}  // namespace
}  // namespace armature
