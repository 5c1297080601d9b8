// Bring the end effector to a point (panda-gym's PandaReach).
//
// Facts: goal x, y ~ U(+-0.15), z ~ U(0, 0.3). The gripper is blocked.
#include "envserver/kit/register_task.h"
#include "envserver/tasks/panda/panda_objects.h"
#include "envserver/tasks/panda/panda_task.h"
#include "envserver/tasks/panda/panda_tasks.h"

namespace armature {
namespace {

class Reach : public PandaTask {
 public:
  explicit Reach(const PandaConfig& config) : PandaTask(config, PandaTaskFacts{}) {}

  void Show(MarkerPoses& out) override { out.Place(goal_, ToPoint(desired_goal())); }

 protected:
  void AddObjects(TaskBuilder& task) override {
    SceneShape sphere;
    sphere.kind = SceneShape::Kind::kSphere;
    sphere.size = {0.02, 0, 0};
    sphere.colour = kGreen;
    goal_ = AddGhost("goal", sphere, &task);
  }
  void PlaceObjects(absl::Span<float> desired_goal) override {
    btVector3 goal = RandomPlace(/*height=*/0, &rng());
    goal.setZ(rng().Uniform(0, 0.3));
    CopyPoint(goal, desired_goal);
  }
  void AchievedGoal(absl::Span<float> achieved_goal) override {
    CopyPoint(panda().ee_position(), achieved_goal);
  }

 private:
  Marker goal_;
};

}  // namespace

absl::Status RegisterPandaReach(EnvRegistry& registry) {
  return RegisterTask<Reach>(
      registry, "panda_reach",
      "Bring a Franka Panda's end effector to a point (panda-gym's PandaReach).");
}

}  // namespace armature
