// Push a cube to a place on the table (panda-gym's PandaPush).
//
// Facts: cube of 0.04 m and 1 kg; cube and goal x, y ~ U(+-0.15), z = 0.02. The gripper is blocked.
#include "envserver/kit/register_task.h"
#include "envserver/tasks/panda/panda_objects.h"
#include "envserver/tasks/panda/panda_task.h"
#include "envserver/tasks/panda/panda_tasks.h"

namespace armature {
namespace {

class Push : public PandaTask {
 public:
  explicit Push(const PandaConfig& config) : PandaTask(config, PandaTaskFacts{}) {}

  void Show(MarkerPoses& out) override { out.Place(goal_, ToPoint(desired_goal())); }

 protected:
  void AddObjects(TaskBuilder& task) override {
    cube_ = Observed(AddCube("object", kCubeMass, kGreen, &task));
    goal_ = AddGhost("goal", CubeShape(kGreen), &task);
  }
  void PlaceObjects(absl::Span<float> desired_goal) override {
    CopyPoint(RandomPlace(kCubeSide / 2, &rng()), desired_goal);
    PlaceObject(RandomPlace(kCubeSide / 2, &rng()), cube_);
  }

 private:
  Body* cube_ = nullptr;
  Marker goal_;
};

}  // namespace

absl::Status RegisterPandaPush(EnvRegistry& registry) {
  return RegisterTask<Push>(registry, "panda_push",
                            "Push a cube to a place on the table (panda-gym's PandaPush).");
}

}  // namespace armature
