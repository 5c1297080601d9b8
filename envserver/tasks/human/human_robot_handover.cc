// Hand a bar over to a human who holds a hand out (human-robot-gym's RobotHumanHandoverCart).
//
// Facts: a bar of 0.24 x 0.03 x 0.04 m and 0.1 kg lies on the table, its middle at x ~ U(0.32,
// 0.42), y ~ U(0.25, 0.4), one end towards the human; the arm grips it 0.04 m from the other end.
// The goal is the hand that is farther ahead of the human; one that is held out stays out until the
// bar comes. Once the bar's end is within 0.1 m of the hand, i.e. at its surface or in it, the
// human has it: the hand takes the bar along, out of the gripper, and the goal stays reached until
// the hand has been drawn back. Then the next bar lies on the table. Reward, fields, script:
// human_goal_task.h, human_object_task.h; task_reward while the human has the bar. Observation,
// after `object`: `object_end` (3, from the tool to the end that the human takes). shield.type is
// pfl, as upstream, and the human plays hand_over, unless the configuration says otherwise. The bar
// does not touch the human, and the shield does not know of it. Differs: upstream's object is a
// hammer, and it pays once the animation is over.
#include <cmath>

#include "envserver/human/human_figure.h"
#include "envserver/kit/register_task.h"
#include "envserver/tasks/human/arm_cover.h"
#include "envserver/tasks/human/human_object_task.h"
#include "envserver/tasks/human/human_scene.h"
#include "envserver/tasks/human/human_tasks.h"

namespace armature {
namespace {

const btVector3 kSize_m(0.24, 0.03, 0.04);
constexpr double kMass_kg = 0.1;
constexpr double kWithin_m = 0.1;
constexpr double kRest_m = 0.82;  // Of the bar's middle on the table.
constexpr Colour kBarColour = {0.85, 0.45, 0.15, 1};
// In the bar's frame. The fingertips stay off the table.
const btVector3 kGrip_m(-0.08, 0, 0.01);
const btVector3 kEnd_m(0.12, 0, 0);
// By how much the human draws the bar into the hand, so that it is certainly there.
constexpr double kDrawn_m = 0.01;

// A hand is held out if it is as far ahead of the pelvis and as slow; and drawn back again.
constexpr double kHeldOut_m = 0.42;
constexpr double kStill_m_s = 0.05;
constexpr double kDrawnBack_m = 0.36;

// Where the script waits for a hand.
const btVector3 kReady_m(0.28, 0.2, 1.0);

HumanObject Bar() { return {"bar", kSize_m, kMass_kg, btVector3(0.37, 0.3, kRest_m), kBarColour}; }

class RobotHandover : public HumanObjectTask {
 public:
  struct Config : HumanObjectConfig {
    Config() {
      arm.shield.type = "pfl";
      arm.human.motions = {"hand_over"};
    }
  };
  explicit RobotHandover(const Config& config) : HumanObjectTask(config, Bar(), kWithin_m) {}

 protected:
  void AddFields(TaskBuilder& task) override {
    HumanObjectTask::AddFields(task);
    end_ = task.AddField("object_end", 3);
  }
  void ObserveMore(ObservationWriter& out) override {
    HumanObjectTask::ObserveMore(out);
    out.Write(end_, ObjectPoint() - tool_position());
  }

  void FirstGoal() override {
    in_hand_ = false;
    side_ = HandAhead();
    PlaceBar();
  }

  void NextGoal() override {
    in_hand_ = false;
    object().SetCollisionFilter(kSceneGroup, -1);
    PlaceBar();
  }

  bool IsGoalOver() const override { return Ahead(side_) < kDrawnBack_m; }

  void LookMore() override {
    if (in_hand_) return;
    side_ = HandAhead();
    human().Wait(IsHeldOut());
    const btVector3 way = GoalPoint() - ObjectPoint();
    if (way.length() <= kWithin_m) TakeBar(way);
  }

  void BeforePhysics() override {
    if (!in_hand_) return;
    object().SetBasePose(HandPose() * in_hand_pose_);
    object().SetBaseVelocity(btVector3(0, 0, 0), btVector3(0, 0, 0));
  }

  const Body* Held() const override { return in_hand_ ? nullptr : HumanObjectTask::Held(); }
  btVector3 GripPoint() const override { return object().LinkPose(kBase) * kGrip_m; }
  btVector3 ObjectPoint() const override { return object().LinkPose(kBase) * kEnd_m; }
  btVector3 GoalPoint() const override { return Joint(kHand[side_]); }

  GraspMove ScriptedMove(const GraspScene& scene) override {
    if (in_hand_) return {kReady_m, 1};
    if (IsHeldOut() || !scene.is_gripped) return NextGraspMove(scene);
    GraspScene waiting = scene;
    waiting.target = kReady_m;
    return NextGraspMove(waiting);
  }

  void KeepObject(StateArchive& state) override {
    state.Keep(side_);
    state.Keep(in_hand_);
    state.Keep(in_hand_pose_);
    state.Check(side_ == 0 || side_ == 1);
  }

 private:
  btVector3 Joint(int joint) const { return ToBullet(human().next_pose().position[joint]); }

  btTransform HandPose() const {
    const HumanPose& pose = human().next_pose();
    return PoseAlong(pose.position[kWrist[side_]], pose.position[kHand[side_]]);
  }

  // Of a hand, from the pelvis, along the floor.
  double Ahead(int side) const {
    const btVector3 way = Joint(kHand[side]) - Joint(kPelvis);
    return std::hypot(way.x(), way.y());
  }
  int HandAhead() const { return Ahead(0) >= Ahead(1) ? 0 : 1; }
  bool IsHeldOut() const {
    return Ahead(side_) >= kHeldOut_m &&
           human().next_pose().velocity[kHand[side_]].norm() <= kStill_m_s;
  }

  void PlaceBar() {
    const double x = rng().Uniform(0.32, 0.42);
    PlaceObject(btVector3(x, rng().Uniform(0.25, 0.4), kRest_m));
  }

  void TakeBar(const btVector3& way) {
    in_hand_ = true;
    human().Wait(false);
    object().SetCollisionFilter(kSceneGroup, 0);
    btTransform pose = object().LinkPose(kBase);
    if (way.length() > kDrawn_m) pose.getOrigin() += kDrawn_m * way.normalized();
    object().SetBasePose(pose);
    in_hand_pose_ = HandPose().inverse() * pose;
  }

  Field end_;
  int side_ = 0;                                           // Of the hand that is the goal.
  bool in_hand_ = false;                                   // The human has the bar,
  btTransform in_hand_pose_ = btTransform::getIdentity();  // in the hand's frame.
};

}  // namespace

absl::Status RegisterHumanRobotHandover(EnvRegistry& registry) {
  return RegisterTask<RobotHandover>(
      registry, "human_robot_handover",
      "Hand a bar over to a human (human-robot-gym's RobotHumanHandoverCart).");
}

}  // namespace armature
