// Shared by the renderer's tests: pictures that can be asked what is where, and a scene of few
// shapes that is drawn.
//
// Thread safety: none; use from one test thread.
#ifndef ARMATURE_COMMON_RENDER_TESTING_RENDERER_FIXTURE_H_
#define ARMATURE_COMMON_RENDER_TESTING_RENDERER_FIXTURE_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/render/renderer.h"
#include "gtest/gtest.h"

namespace armature {

using Kind = SceneShape::Kind;

struct Pixel {
  int r = 0, g = 0, b = 0;
  int sum() const { return r + g + b; }
};

inline bool operator==(const Pixel& a, const Pixel& b) {
  return a.r == b.r && a.g == b.g && a.b == b.b;
}

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
inline bool IsRed(Pixel p) { return p.r > 80 && p.r > 2 * p.g && p.r > 2 * p.b; }
inline bool IsGreen(Pixel p) { return p.g > 80 && p.g > 2 * p.r && p.g > 2 * p.b; }
inline bool IsBlue(Pixel p) { return p.b > 80 && p.b > 2 * p.r && p.b > 2 * p.g; }
// Neither: sky and floor have no colour that is strong.
inline bool IsBackground(Pixel p) { return !IsRed(p) && !IsGreen(p) && !IsBlue(p); }

inline constexpr Colour kRed = {0.9, 0.1, 0.1, 1};
inline constexpr Colour kGreen = {0.1, 0.9, 0.1, 1};
inline constexpr Colour kBlue = {0.1, 0.1, 0.9, 1};

// A cube of side 1 and a triangle, whose corners are known.
inline std::shared_ptr<const SceneMesh> WedgeMesh() {
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

}  // namespace armature

#endif  // ARMATURE_COMMON_RENDER_TESTING_RENDERER_FIXTURE_H_
