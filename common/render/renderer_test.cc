#include "common/render/renderer.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using Kind = SceneShape::Kind;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Pixel {
  int r = 0, g = 0, b = 0;
  int sum() const { return r + g + b; }
};

bool operator==(const Pixel& a, const Pixel& b) { return a.r == b.r && a.g == b.g && a.b == b.b; }

// A picture, and what it is of.
struct Picture {
  SceneCamera camera;
  std::vector<uint8_t> rgb;

  Pixel At(int x, int y) const {
    const uint8_t* p = rgb.data() + 3 * (y * camera.width_px + x);
    return {p[0], p[1], p[2]};
  }
  // Where a point of the world is, by the pinhole model: pixels right of and below the middle of
  // the upper left pixel.
  std::array<double, 2> Project(const std::array<double, 3>& point) const {
    std::array<double, 3> forward, to;
    double distance = 0;
    for (int i = 0; i < 3; ++i) {
      forward[i] = camera.target[i] - camera.position[i];
      to[i] = point[i] - camera.position[i];
      distance = std::hypot(distance, forward[i]);
    }
    for (double& x : forward) x /= distance;
    const double horizontal = std::hypot(forward[0], forward[1]);
    const std::array<double, 3> right = {forward[1] / horizontal, -forward[0] / horizontal, 0};
    const std::array<double, 3> up = {right[1] * forward[2], -right[0] * forward[2],
                                      right[0] * forward[1] - right[1] * forward[0]};
    double x = 0, y = 0, depth = 0;
    for (int i = 0; i < 3; ++i) {
      x += right[i] * to[i];
      y += up[i] * to[i];
      depth += forward[i] * to[i];
    }
    const double focal_px =
        camera.height_px / 2.0 / std::tan(camera.vertical_field_of_view_deg * M_PI / 360);
    return {(camera.width_px - 1) / 2.0 + focal_px * x / depth,
            (camera.height_px - 1) / 2.0 - focal_px * y / depth};
  }
  Pixel AtPoint(const std::array<double, 3>& point) const {
    const auto [x, y] = Project(point);
    return At(static_cast<int>(std::lround(x)), static_cast<int>(std::lround(y)));
  }
};

// Mostly of one colour.
bool IsRed(Pixel p) { return p.r > 80 && p.r > 2 * p.g && p.r > 2 * p.b; }
bool IsGreen(Pixel p) { return p.g > 80 && p.g > 2 * p.r && p.g > 2 * p.b; }
bool IsBlue(Pixel p) { return p.b > 80 && p.b > 2 * p.r && p.b > 2 * p.g; }
// Neither: sky and floor have no colour that is strong.
bool IsBackground(Pixel p) { return !IsRed(p) && !IsGreen(p) && !IsBlue(p); }

constexpr Colour kRed = {0.9, 0.1, 0.1, 1};
constexpr Colour kGreen = {0.1, 0.9, 0.1, 1};
constexpr Colour kBlue = {0.1, 0.1, 0.9, 1};

// A cube of side 1 and a triangle, whose corners are known.
std::shared_ptr<const SceneMesh> WedgeMesh() {
  auto mesh = std::make_shared<SceneMesh>();
  mesh->name = "wedge";
  // A right-angled triangle in x and z, 1 m in y: nothing of it is symmetric in x.
  mesh->vertices = {0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 1, 1, 0, 0, 1, 1};
  mesh->triangles = {0, 1, 2, 3, 5, 4, 0, 3, 4, 0, 4, 1, 0, 2, 5, 0, 5, 3, 1, 4, 5, 1, 5, 2};
  return mesh;
}

class RendererTest : public ::testing::Test {
 protected:
  RendererTest() {
    camera_.position = {0, -4, 1};
    camera_.target = {0, 0, 0.5};
    camera_.width_px = 320;
    camera_.height_px = 240;
  }

  // Adds a body of one shape; returns its number.
  int Add(Kind kind, const std::array<double, 3>& size, const std::array<double, 3>& position,
          const Colour& colour) {
    const int body = static_cast<int>(scene_.bodies.size());
    scene_.bodies.push_back({absl::StrCat("body", body)});
    SceneShape shape;
    shape.body = body;
    shape.kind = kind;
    shape.size = size;
    shape.colour = colour;
    scene_.shapes.push_back(shape);
    view_.poses.push_back({position[0], position[1], position[2], 0, 0, 0, 1});
    return body;
  }

  Picture Draw(absl::Span<const TextLine> text = {}) { return Draw(scene_, view_, text); }
  Picture Draw(const Scene& scene, const SceneView& view, absl::Span<const TextLine> text = {}) {
    Picture picture{camera_};
    picture.rgb.resize(3 * camera_.width_px * camera_.height_px);
    const absl::Status status =
        renderer().Draw(scene, view, camera_, absl::MakeSpan(picture.rgb), text);
    EXPECT_TRUE(status.ok()) << status;
    Keep(picture);
    return picture;
  }
  absl::Status TryDraw(const SceneCamera& camera) {
    std::vector<uint8_t> rgb(3 * std::max(camera.width_px, 0) * std::max(camera.height_px, 0));
    return renderer().Draw(scene_, view_, camera, absl::MakeSpan(rgb));
  }
  // One context for all tests, as a program has it.
  static Renderer& renderer() { return Renderer::Shared(); }

  Scene scene_;
  SceneView view_;
  SceneCamera camera_;

 private:
  // For whoever wants to look: bazel's outputs.zip.
  void Keep(const Picture& picture) {
    const char* folder = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR");
    if (folder == nullptr) return;
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    std::ofstream file(absl::StrCat(folder, "/", test->name(), "_", pictures_++, ".ppm"));
    file << "P6 " << camera_.width_px << " " << camera_.height_px << " 255\n";
    file.write(reinterpret_cast<const char*>(picture.rgb.data()),
               static_cast<std::streamsize>(picture.rgb.size()));
  }
  int pictures_ = 0;
};

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

TEST_F(RendererTest, AnEmptySceneIsSky) {
  Renderer renderer;  // Whose first picture it is.
  std::vector<uint8_t> rgb(3 * camera_.width_px * camera_.height_px);
  const absl::Status status = renderer.Draw(scene_, view_, camera_, absl::MakeSpan(rgb));
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_GT(rgb[0], 100);
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

TEST_F(RendererTest, MeshesOfManyScenesComeAndGo) {
  for (int i = 0; i < 4; ++i) {
    Scene scene;
    SceneView view;
    std::swap(scene, scene_);
    std::swap(view, view_);
    Add(Kind::kMesh, {1, 1, 1}, {0, 0, 0}, i % 2 == 0 ? kBlue : kRed);
    scene_.shapes[0].mesh = WedgeMesh();
    const Pixel pixel = Draw().AtPoint({0.3, 0, 0.3});
    EXPECT_TRUE(i % 2 == 0 ? IsBlue(pixel) : IsRed(pixel));
    if (i == 0) continue;
    // The one before is still there.
    const Pixel before = Draw(scene, view).AtPoint({0.3, 0, 0.3});
    EXPECT_TRUE(i % 2 == 0 ? IsRed(before) : IsBlue(before));
  }
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

TEST_F(RendererTest, TheSamePictureIsTheSameBytesWhateverWasDrawnBetween) {
  Add(Kind::kBox, {0.4, 0.4, 0.4}, {0, 0, 0.5}, kRed);
  const Picture first = Draw();
  camera_.width_px = 64;
  camera_.height_px = 300;
  Draw({{"text", "1"}});
  camera_ = first.camera;
  EXPECT_EQ(Draw().rgb, first.rgb);
}

TEST_F(RendererTest, ThreadsThatAskAtOnceGetEachItsOwnPicture) {
  std::vector<std::thread> threads;
  const Colour colours[] = {kRed, kGreen, kBlue};
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      Scene scene;
      scene.bodies.push_back({"ball"});
      SceneShape shape;
      shape.kind = Kind::kSphere;
      shape.size = {0.5, 0, 0};
      shape.colour = colours[t];
      scene.shapes.push_back(shape);
      SceneView view;
      view.poses.push_back({0, 0, 0.5, 0, 0, 0, 1});
      SceneCamera camera;
      camera.position = {0, -4, 1};
      camera.target = {0, 0, 0.5};
      camera.width_px = 60 + 20 * t;
      camera.height_px = 48;
      for (int i = 0; i < 10; ++i) {
        Picture picture{camera};
        picture.rgb.resize(3 * camera.width_px * camera.height_px);
        const absl::Status status =
            renderer().Draw(scene, view, camera, absl::MakeSpan(picture.rgb));
        ASSERT_TRUE(status.ok()) << status;
        const Pixel pixel = picture.At(camera.width_px / 2, 24);
        EXPECT_TRUE(t == 0 ? IsRed(pixel) : t == 1 ? IsGreen(pixel) : IsBlue(pixel));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(RendererTest, WithoutAnEglLibraryOneSentenceSaysSo) {
  RendererOptions options;
  options.egl_library = "libEGL_of_another_machine.so";
  Renderer blind(options);
  Add(Kind::kSphere, {0.5, 0, 0}, {0, 0, 0.5}, kRed);
  std::vector<uint8_t> rgb(3 * camera_.width_px * camera_.height_px);
  for (int i = 0; i < 2; ++i) {
    const absl::Status status = blind.Draw(scene_, view_, camera_, absl::MakeSpan(rgb));
    EXPECT_TRUE(absl::IsFailedPrecondition(status));
    EXPECT_THAT(std::string(status.message()), StartsWith("no EGL: libEGL_of_another_machine.so"));
    EXPECT_THAT(std::string(status.message()), HasSubstr("apt-get install libegl1"));
  }
}

TEST_F(RendererTest, SizesBeyondTheLimitAreRefusedByName) {
  Add(Kind::kSphere, {0.5, 0, 0}, {0, 0, 0.5}, kRed);
  SceneCamera camera = camera_;
  camera.name = "side";
  camera.width_px = Renderer::kSideMaxPx + 1;
  EXPECT_EQ(TryDraw(camera),
            absl::InvalidArgumentError(
                "camera 'side': the picture is 4097 x 240 pixels; each side must be 1 to 4096"));
  camera.width_px = 320;
  camera.height_px = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(TryDraw(camera)));
  camera.height_px = 1;
  EXPECT_TRUE(TryDraw(camera).ok());
}

TEST_F(RendererTest, AMalformedCameraOrSceneIsRefusedAndTheNextPictureIsDrawn) {
  Add(Kind::kSphere, {0.5, 0, 0}, {0, 0, 0.5}, kRed);
  const Scene scene = scene_;
  const SceneView view = view_;
  const auto refusal = [&]() -> std::string {
    const absl::Status status = TryDraw(camera_);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    scene_ = scene;
    view_ = view;
    return std::string(status.message());
  };
  const SceneCamera camera = camera_;
  camera_.target = camera_.position;
  EXPECT_THAT(refusal(), HasSubstr("position and target are 0 m apart"));
  camera_ = camera;
  camera_.position[1] = std::nan("");
  EXPECT_THAT(refusal(), HasSubstr("position and target are nan m apart"));
  camera_ = camera;
  camera_.vertical_field_of_view_deg = 180;
  EXPECT_THAT(refusal(), HasSubstr("vertical_field_of_view_deg is 180"));
  camera_ = camera;

  view_.poses.clear();
  EXPECT_EQ(refusal(), "the view has 0 poses, the scene 1 bodies");
  view_.poses[0][4] = kInfinity;
  EXPECT_EQ(refusal(), "the pose of body 'body0' is not finite");
  scene_.shapes[0].body = 1;
  EXPECT_EQ(refusal(), "shape 0 belongs to body 1 of 1");
  scene_.shapes[0].kind = Kind::kMesh;
  EXPECT_EQ(refusal(), "a shape of body 0 has no mesh");
  auto mesh = std::make_shared<SceneMesh>(*WedgeMesh());
  mesh->triangles[4] = 6;
  scene_.shapes[0].kind = Kind::kMesh;
  scene_.shapes[0].mesh = mesh;
  EXPECT_EQ(refusal(), "mesh 'wedge': a triangle names vertex 6 of 6");
  mesh = std::make_shared<SceneMesh>(*WedgeMesh());
  mesh->vertices.assign(18, 0);  // All in one point: MuJoCo refuses it.
  scene_.shapes[0].kind = Kind::kMesh;
  scene_.shapes[0].mesh = mesh;
  EXPECT_THAT(refusal(), HasSubstr("wedge"));
  scene_.shapes[0].kind = Kind::kHeightField;
  scene_.shapes[0].heights = std::make_shared<const std::vector<float>>(5);
  scene_.shapes[0].rows = 2;
  scene_.shapes[0].columns = 2;
  EXPECT_EQ(refusal(), "a height field has 5 heights, 2 rows and 2 columns");

  std::vector<uint8_t> rgb(10);
  EXPECT_TRUE(
      absl::IsInvalidArgument(renderer().Draw(scene_, view_, camera_, absl::MakeSpan(rgb))));
  EXPECT_TRUE(IsRed(Draw().AtPoint({0, 0, 0.5})));
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
