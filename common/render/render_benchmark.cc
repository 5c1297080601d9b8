// Pictures a second of one caller: a floor, twelve moving primitives and a mesh of 5,000 triangles.
// docs/benchmarks/rendering.py draws the same scene with other renderers.
#include <cmath>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "benchmark/benchmark.h"
#include "common/render/renderer.h"

namespace armature {
namespace {

using Kind = SceneShape::Kind;

constexpr int kPrimitives = 12;
constexpr int kMeshRings = 50;

// A ball of kMeshRings x kMeshRings quads.
std::shared_ptr<const SceneMesh> BallMesh() {
  auto mesh = std::make_shared<SceneMesh>();
  mesh->name = "ball";
  for (int i = 0; i <= kMeshRings; ++i) {
    const double polar = M_PI * i / kMeshRings;
    for (int j = 0; j < kMeshRings; ++j) {
      const double around = 2 * M_PI * j / kMeshRings;
      mesh->vertices.push_back(static_cast<float>(0.3 * std::sin(polar) * std::cos(around)));
      mesh->vertices.push_back(static_cast<float>(0.3 * std::sin(polar) * std::sin(around)));
      mesh->vertices.push_back(static_cast<float>(0.3 * std::cos(polar)));
      if (i == kMeshRings) continue;
      const int a = i * kMeshRings + j, b = i * kMeshRings + (j + 1) % kMeshRings;
      mesh->triangles.insert(mesh->triangles.end(),
                             {a, a + kMeshRings, b, b, a + kMeshRings, b + kMeshRings});
    }
  }
  return mesh;
}

void Add(Kind kind, const ScenePose& pose, Scene* scene, SceneView* view) {
  scene->bodies.push_back({"body"});
  SceneShape shape;
  shape.body = static_cast<int>(scene->bodies.size()) - 1;
  shape.kind = kind;
  shape.size = kind == Kind::kBox ? std::array<double, 3>{0.2, 0.2, 0.2}
                                  : std::array<double, 3>{0.1, 0.3, 0};
  if (kind == Kind::kMesh) shape.size = {1, 1, 1};
  scene->shapes.push_back(shape);
  view->poses.push_back(pose);
}

// Arguments: width, height, samples a pixel, side of the shadow map.
void BM_Draw(benchmark::State& state) {
  RendererOptions options;
  options.samples = static_cast<int>(state.range(2));
  options.shadow_px = static_cast<int>(state.range(3));
  Renderer renderer(options);
  Scene scene;
  SceneView view;
  Add(Kind::kPlane, kNoPose, &scene, &view);
  constexpr Kind kKinds[] = {Kind::kBox, Kind::kSphere, Kind::kCapsule};
  for (int i = 0; i < kPrimitives; ++i) {
    Add(kKinds[i % 3], {i % 4 * 0.5 - 0.75, i / 4 * 0.5 - 0.5, 0.3, 0, 0, 0, 1}, &scene, &view);
  }
  Add(Kind::kMesh, {0, 0, 0.9, 0, 0, 0, 1}, &scene, &view);
  scene.shapes.back().mesh = BallMesh();
  SceneCamera camera;
  camera.width_px = static_cast<int>(state.range(0));
  camera.height_px = static_cast<int>(state.range(1));
  std::vector<uint8_t> rgb(3 * camera.width_px * camera.height_px);
  int frame = 0;
  const auto draw = [&] {
    for (int i = 1; i <= kPrimitives; ++i) view.poses[i][2] = 0.3 + 0.1 * std::sin(0.1 * frame + i);
    ++frame;
    return renderer.Draw(scene, view, camera, absl::MakeSpan(rgb));
  };
  // The first one makes the context.
  if (const absl::Status status = draw(); !status.ok()) {
    state.SkipWithError(std::string(status.message()).c_str());
  }
  for (auto _ : state) benchmark::DoNotOptimize(draw());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Draw)
    ->Args({640, 480, 4, 2048})
    ->Args({640, 480, 4, 1024})
    ->Args({640, 480, 4, 4096})
    ->Args({640, 480, 0, 1024})
    ->Args({640, 480, 4, 0})
    ->Args({320, 240, 4, 2048})
    ->Args({84, 84, 0, 0})
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace armature

BENCHMARK_MAIN();
