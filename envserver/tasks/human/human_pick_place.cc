// Bring a cube to a place on the table, beside a human (human-robot-gym's PickPlaceHumanCart).
//
// Facts: cube of 0.04 m and 0.064 kg; it begins at x ~ U(0.245, 0.42), y ~ U(0.2375, 0.4275) on the
// table, its target is at the same x and at -y; reached within 0.1 m, gripped or not. Six of each
// are drawn for an episode; when a target is reached, cube and target are the next ones with the
// next action. Reward, fields, script: human_goal_task.h, human_object_task.h; task_reward where
// the cube is at the target.
// Differs: upstream's actions are the tool's ways (here: the wrapper ik_position_delta).
#include <array>

#include "envserver/kit/register_task.h"
#include "envserver/tasks/human/human_object_task.h"
#include "envserver/tasks/human/human_scene.h"
#include "envserver/tasks/human/human_tasks.h"

namespace armature {
namespace {

constexpr double kSide_m = 0.04;
constexpr double kMass_kg = 0.064;
constexpr double kWithin_m = 0.1;
constexpr double kRest_m = 0.8 + kSide_m / 2;  // Of the cube's middle on the table.
constexpr double kGripAbove_m = 0.01;          // So that the fingertips stay off the table.
constexpr double kHover_m = 0.1;
constexpr int kPlaces = 6;
constexpr Colour kCubeColour = {0.1, 0.7, 0.3, 1};

HumanObject Cube() {
  return {"cube", btVector3(kSide_m, kSide_m, kSide_m), kMass_kg, btVector3(0.33, 0.33, kRest_m),
          kCubeColour};
}

class PickPlace : public HumanObjectTask {
 public:
  using Config = HumanObjectConfig;
  explicit PickPlace(const Config& config) : HumanObjectTask(config, Cube(), kWithin_m) {}

 protected:
  void FirstGoal() override {
    for (int i = 0; i < kPlaces; ++i) {
      begins_[i] = Place(1);
      targets_[i] = Place(-1);
    }
    index_ = 0;
    PlaceObject(begins_[0]);
  }

  void NextGoal() override {
    index_ = (index_ + 1) % kPlaces;
    PlaceObject(begins_[index_]);
  }

  btVector3 ObjectPoint() const override { return object().LinkPose(kBase).getOrigin(); }
  btVector3 GoalPoint() const override { return targets_[index_]; }
  btVector3 GripPoint() const override { return ObjectPoint() + btVector3(0, 0, kGripAbove_m); }

  GraspMove ScriptedMove(const GraspScene& scene) override {
    GraspScene on_table = scene;
    on_table.target_hover_m = kHover_m;
    return NextGraspMove(on_table);
  }

  void KeepObject(StateArchive& state) override {
    state.Keep(begins_);
    state.Keep(targets_);
    state.Keep(index_);
    state.Check(index_ >= 0 && index_ < kPlaces);
  }

 private:
  btVector3 Place(double side) {
    const double x = rng().Uniform(0.245, 0.42);
    const double y = side * rng().Uniform(0.2375, 0.4275);
    return btVector3(x, y, kRest_m);
  }

  std::array<btVector3, kPlaces> begins_;
  std::array<btVector3, kPlaces> targets_;
  int index_ = 0;
};

}  // namespace

absl::Status RegisterHumanPickPlace(EnvRegistry& registry) {
  return RegisterTask<PickPlace>(
      registry, "human_pick_place",
      "Bring a cube across the table beside a human (human-robot-gym's PickPlaceHumanCart).");
}

}  // namespace armature
