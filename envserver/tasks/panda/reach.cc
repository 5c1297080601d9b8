#include "envserver/tasks/panda/reach.h"

#include "envserver/kit/register_task.h"

namespace armature {

void Reach::AddObjects(TaskBuilder& task) {
  SceneShape sphere;
  sphere.kind = SceneShape::Kind::kSphere;
  sphere.size = {0.02, 0, 0};
  sphere.colour = {0.1, 0.9, 0.1, 0.3};
  goal_ = task.AddMarker("goal", sphere);
}

void Reach::PlaceObjects(absl::Span<float> desired_goal) {
  desired_goal[0] = static_cast<float>(rng().Uniform(-0.15, 0.15));
  desired_goal[1] = static_cast<float>(rng().Uniform(-0.15, 0.15));
  desired_goal[2] = static_cast<float>(rng().Uniform(0, 0.3));
}

void Reach::AchievedGoal(absl::Span<float> achieved_goal) {
  const btVector3 position = arm().ee_position();
  for (int i = 0; i < 3; ++i) achieved_goal[i] = static_cast<float>(position[i]);
}

void Reach::Show(MarkerPoses& out) {
  out.Place(goal_, btVector3(desired_goal()[0], desired_goal()[1], desired_goal()[2]));
}

absl::Status RegisterPandaReach(EnvRegistry& registry) {
  return RegisterTask<Reach>(
      registry, "panda_reach",
      "Bring a Franka Panda's end effector to a point (panda-gym's PandaReach).");
}

}  // namespace armature
