// Bring a cube to a point on the table or in the air (panda-gym's PandaPickAndPlace).
//
// Facts: cube of 0.04 m and 1 kg; cube and goal x, y ~ U(+-0.15); goal z = 0.02 + U(0, 0.2), and in
// 30 % of the episodes 0.02.
#include "envserver/kit/register_task.h"
#include "envserver/tasks/panda/panda_objects.h"
#include "envserver/tasks/panda/panda_task.h"
#include "envserver/tasks/panda/panda_tasks.h"

namespace armature {
namespace {

constexpr double kGoalHeight = 0.2;
constexpr double kOnTableProbability = 0.3;

class PickAndPlace : public PandaTask {
 public:
  explicit PickAndPlace(const PandaConfig& config) : PandaTask(config, Facts()) {}

  void Show(MarkerPoses& out) override { out.Place(goal_, ToPoint(desired_goal())); }

 protected:
  void AddObjects(TaskBuilder& task) override {
    cube_ = Observed(AddCube("object", kCubeMass, kGreen, &task));
    goal_ = AddGhost("goal", CubeShape(kGreen), &task);
  }
  void PlaceObjects(absl::Span<float> desired_goal) override {
    const double above = rng().Uniform(0, kGoalHeight);
    const bool is_on_table = rng().Uniform(0, 1) < kOnTableProbability;
    CopyPoint(RandomPlace(kCubeSide / 2 + (is_on_table ? 0 : above), &rng()), desired_goal);
    PlaceObject(RandomPlace(kCubeSide / 2, &rng()), cube_);
  }

 private:
  static PandaTaskFacts Facts() {
    PandaTaskFacts facts;
    facts.block_gripper = false;
    return facts;
  }

  Body* cube_ = nullptr;
  Marker goal_;
};

}  // namespace

absl::Status RegisterPandaPickAndPlace(EnvRegistry& registry) {
  return RegisterTask<PickAndPlace>(
      registry, "panda_pick_and_place",
      "Bring a cube to a point on the table or in the air (panda-gym's PandaPickAndPlace).");
}

}  // namespace armature
