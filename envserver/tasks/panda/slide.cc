// Make a puck slide to a place out of reach (panda-gym's PandaSlide).
//
// Facts: puck of radius and height 0.03 m, 1 kg and friction 0.04, on a longer table; puck x, y ~
// U(+-0.15), goal x ~ U(0.25, 0.55), y ~ U(+-0.15), z = 0.015. The gripper is blocked.
// Differs: upstream's goal is at z = 0.03 although the puck rests at 0.015, and so does the puck
// begin, which then drops. With start=dropped it is so here too.
#include <string>

#include "common/config/config.h"
#include "envserver/kit/register_task.h"
#include "envserver/tasks/panda/panda_objects.h"
#include "envserver/tasks/panda/panda_task.h"
#include "envserver/tasks/panda/panda_tasks.h"

namespace armature {
namespace {

constexpr double kPuckRadius = 0.03;
constexpr double kPuckHeight = 0.03;
constexpr double kPuckMass = 1;
constexpr double kPuckFriction = 0.04;
constexpr double kGoalOffset = 0.4;

struct SlideConfig : PandaConfig {
  std::string start = "resting";

  void Visit(ConfigVisitor& v) {
    PandaConfig::Visit(v);
    v.Field("start", start,
            "Where puck and goal are: as high as the puck rests (resting), or as in panda-gym, "
            "0.03 m high (dropped).",
            OneOf({"resting", "dropped"}));
  }
};

class Slide : public PandaTask {
 public:
  using Config = SlideConfig;
  explicit Slide(const SlideConfig& config)
      : PandaTask(config, Facts()),
        height_(config.start == "dropped" ? kPuckHeight : kPuckHeight / 2) {}

  void Show(MarkerPoses& out) override { out.Place(goal_, ToPoint(desired_goal())); }

 protected:
  void AddObjects(TaskBuilder& task) override {
    BodyOptions options;
    options.name = "object";
    options.base_pose.setOrigin(btVector3(0, 0, kPuckHeight / 2));
    options.friction = kPuckFriction;
    options.colour = kGreen;
    puck_ = Observed(task.world().AddCylinder(kPuckRadius, kPuckHeight, kPuckMass, options));
    SceneShape shape;
    shape.kind = SceneShape::Kind::kCylinder;
    shape.size = {kPuckRadius, kPuckHeight, 0};
    shape.colour = kGreen;
    goal_ = AddGhost("goal", shape, &task);
  }
  void PlaceObjects(absl::Span<float> desired_goal) override {
    CopyPoint(RandomPlace(height_, &rng(), kGoalOffset), desired_goal);
    PlaceObject(RandomPlace(height_, &rng()), puck_);
  }

 private:
  static PandaTaskFacts Facts() {
    PandaTaskFacts facts;
    facts.table_length_m = 1.4;
    facts.table_x_m = -0.1;
    return facts;
  }

  const double height_;
  Body* puck_ = nullptr;
  Marker goal_;
};

}  // namespace

absl::Status RegisterPandaSlide(EnvRegistry& registry) {
  return RegisterTask<Slide>(registry, "panda_slide",
                             "Make a puck slide to a place out of reach (panda-gym's PandaSlide).");
}

}  // namespace armature
