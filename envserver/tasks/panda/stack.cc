// Put one cube on another, at a given place (panda-gym's PandaStack).
//
// Facts: cubes of 0.04 m, the lower one of 2 kg and the upper one of 1 kg; goals of both share x, y
// ~ U(+-0.15), z = 0.02 and 0.06; success: both together within 0.1 m. 100 control steps.
// Differs: both cubes begin on the table, their centres 0.1 m apart or more. With start=dropped
// they begin as upstream: anywhere, and the upper one drops from z = 0.06, also onto the lower
// one's edge.
#include <string>

#include "common/config/config.h"
#include "envserver/kit/register_task.h"
#include "envserver/tasks/panda/panda_objects.h"
#include "envserver/tasks/panda/panda_task.h"
#include "envserver/tasks/panda/panda_tasks.h"

namespace armature {
namespace {

constexpr double kLowerMass = 2;
constexpr double kApart = 0.1;

struct StackConfig : PandaConfig {
  std::string start = "apart";

  void Visit(ConfigVisitor& v) {
    PandaConfig::Visit(v);
    v.Field("start", start,
            "Where the cubes begin: on the table, 0.1 m apart or more (apart), or as in panda-gym "
            "(dropped).",
            OneOf({"apart", "dropped"}));
  }
};

class Stack : public PandaTask {
 public:
  using Config = StackConfig;
  explicit Stack(const StackConfig& config)
      : PandaTask(config, Facts()), dropped_(config.start == "dropped") {}

  void Show(MarkerPoses& out) override {
    out.Place(lower_goal_, ToPoint(desired_goal()));
    out.Place(upper_goal_, ToPoint(desired_goal().subspan(3)));
  }

 protected:
  void AddObjects(TaskBuilder& task) override {
    lower_ = Observed(AddCube("object1", kLowerMass, kBlue, &task));
    upper_ = Observed(AddCube("object2", kCubeMass, kGreen, &task));
    lower_goal_ = AddGhost("goal1", CubeShape(kBlue), &task);
    upper_goal_ = AddGhost("goal2", CubeShape(kGreen), &task);
  }
  void PlaceObjects(absl::Span<float> desired_goal) override {
    btVector3 goal = RandomPlace(kCubeSide / 2, &rng());
    CopyPoint(goal, desired_goal);
    goal.setZ(kCubeSide * 3 / 2);
    CopyPoint(goal, desired_goal.subspan(3));
    btVector3 lower, upper;
    do {
      lower = RandomPlace(kCubeSide / 2, &rng());
      upper = RandomPlace(dropped_ ? kCubeSide * 3 / 2 : kCubeSide / 2, &rng());
    } while (!dropped_ && lower.distance(upper) < kApart);
    PlaceObject(lower, lower_);
    PlaceObject(upper, upper_);
  }

 private:
  static PandaTaskFacts Facts() {
    PandaTaskFacts facts;
    facts.goal_size = 6;
    facts.block_gripper = false;
    facts.distance_threshold = 0.1;
    facts.horizon = 100;
    return facts;
  }

  const bool dropped_;
  Body* lower_ = nullptr;
  Body* upper_ = nullptr;
  Marker lower_goal_, upper_goal_;
};

}  // namespace

absl::Status RegisterPandaStack(EnvRegistry& registry) {
  return RegisterTask<Stack>(registry, "panda_stack",
                             "Put one cube on another, at a given place (panda-gym's PandaStack).");
}

}  // namespace armature
