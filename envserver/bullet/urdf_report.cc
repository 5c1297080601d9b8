// Says of each URDF file whether it loads, what is not honoured, and whether it moves with finite
// numbers.
//
//   urdf_report FILE...
//
// Output, one line a file, separated by tabs: file, "loaded" or "refused", links, DoFs, meshes,
// milliseconds to load, and the warnings or the reason. Status 1 if a file that loads gives numbers
// that are not finite in 240 steps.

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <set>
#include <string>

#include "absl/strings/str_join.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/bullet/urdf.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

constexpr int kSteps = 240;

// Lets the robot fall onto a plane, with its joints pushed.
bool StaysFinite(const std::shared_ptr<const BodyModel>& model, bool fixed_base) {
  BulletWorld world(WorldOptions{});
  world.AddPlane(BodyOptions{});
  BodyOptions options;
  options.fixed_base = fixed_base;
  options.base_pose.setOrigin(btVector3(0, 0, 1));
  const Body* body = world.AddBody(model, options);
  for (int i = 0; i < kSteps; ++i) world.Step();
  for (int link = kBase; link < body->num_links(); ++link) {
    if (!std::isfinite(body->LinkPose(link).getOrigin().length2())) return false;
  }
  return true;
}

int CountMeshes(const BodyModel& model) {
  std::set<const SceneMesh*> meshes;
  const auto add = [&](const LinkModel& link) {
    for (const auto* shapes : {&link.looks, &link.collision_looks}) {
      for (const SceneShape& shape : *shapes) {
        if (shape.mesh != nullptr) meshes.insert(shape.mesh.get());
      }
    }
  };
  add(model.base);
  for (const LinkModel& link : model.links) add(link);
  return static_cast<int>(meshes.size());
}

bool Report(const std::string& path) {
  const auto begin = std::chrono::steady_clock::now();
  const auto model = LoadUrdf(path);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
  if (!model.ok()) {
    std::cout << path << "\trefused\t\t\t\t\t" << model.status().message() << "\n";
    return true;
  }
  bool finite = false;
  std::string why = absl::StrJoin((*model)->warnings, "; ");
  try {
    finite = StaysFinite(*model, /*fixed_base=*/(*model)->base.mass == 0);
  } catch (const WorldError& error) {
    why = absl::StrJoin({std::string(error.what()), why}, "; ");
    finite = true;
  }
  std::cout << path << (finite ? "\tloaded\t" : "\tNOT FINITE\t") << (*model)->links.size() + 1
            << "\t" << (*model)->MovingLinks().size() << "\t" << CountMeshes(**model) << "\t"
            << std::lround(took.count()) << "\t" << why << "\n";
  return finite;
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) {
  spdlog::set_level(spdlog::level::off);
  bool good = true;
  for (int i = 1; i < argc; ++i) good = armature::Report(argv[i]) && good;
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
