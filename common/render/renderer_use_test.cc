// How the renderer is used: by many, for many scenes, where there is no OpenGL, and wrongly.
#include <limits>
#include <thread>

#include "common/render/renderer.h"
#include "common/render/testing/renderer_fixture.h"
#include "gmock/gmock.h"

namespace armature {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST_F(RendererTest, AnEmptySceneIsSky) {
  Renderer renderer;  // Whose first picture it is.
  std::vector<uint8_t> rgb(3 * camera_.width_px * camera_.height_px);
  const absl::Status status = renderer.Draw(scene_, view_, camera_, absl::MakeSpan(rgb));
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_GT(rgb[0], 100);
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

}  // namespace
}  // namespace armature
