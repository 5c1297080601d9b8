// A planar arm of two links moves its tip to a random point and stays there.
//
// Facts: links of 0.5 m, 1 and 0.5 kg; both joints turn about z. Physics step 0.005 s, 5 per
// control step, episode 3 s. Action: torque of shoulder and elbow, each -1..1 of its largest (2 and
// 1 N.m). Start: at rest, both angles U(+-1.5). Target: angle U(+-pi), distance from the shoulder
// U(0.3, 0.3 + 0.6 x parameter "spread"). Reward: - distance of the tip - 0.01 x mean square action
// + 1 within the tolerance. Ends, with -5, where the tip is faster than 10 m/s. Success: the tip is
// within the tolerance.
#include "two_link_arm.h"

#include <array>
#include <cmath>
#include <string>

#include "common/config/config.h"
#include "envserver/kit/register_task.h"
#include "envserver/kit/task.h"
#include "envserver/kit/task_builder.h"

namespace {

using namespace armature;

constexpr double kTorqueMax[] = {2, 1};  // N.m
constexpr double kSpeedMax = 10;         // m/s
constexpr double kHeight = 0.05;         // Of the plane that the arm moves in.

class TwoLinkArm : public Task {
 public:
  struct Config {
    double tolerance_m = 0.05;

    void Visit(ConfigVisitor& v) {
      v.Field("tolerance_m", tolerance_m, "Distance of the tip that counts as success.",
              Between(0.001, 1));
    }
  };

  explicit TwoLinkArm(const Config& config) : config_(config) {}

  void Build(TaskBuilder& task) override {
    task.SetTime(/*physics_step_s=*/0.005, /*physics_steps=*/5, /*horizon_s=*/3);
    BodyOptions options;
    options.fixed_base = true;
    options.motors = false;
    const std::string folder = task.FindModel("two_link_arm", "two_link_arm");
    arm_ = task.AddBody(task.LoadUrdf(folder + "/two_link_arm.urdf"), options);
    tip_link_ = arm_->Link("tip");
    joints_ = {arm_->Joint("shoulder"), arm_->Joint("elbow")};
    task.SetAction(2, -1, 1);

    // Sine and cosine, not the angle: a shoulder that turns on is where it was.
    pose_ = task.AddField("joint_sin_cos", 4, -1.01, 1.01);
    velocity_ = task.AddField("joint_velocity", 2);
    to_target_ = task.AddField("to_target", 2, -3, 3);

    distance_ = task.AddReward("distance", /*weight=*/1);
    effort_ = task.AddReward("effort", /*weight=*/0.01);
    at_target_ = task.AddReward("at_target", /*weight=*/1);
    too_fast_ = task.AddTermination("too_fast", /*reward=*/-5);
    task.ReportsSuccess();

    spread_ = task.AddParameter("spread", /*low=*/0, /*high=*/1, /*initial=*/1);
    last_distance_ = task.AddMetric("tip_distance", v1::MetricSpec::AGGREGATION_LAST);
    SceneShape ball;
    ball.kind = SceneShape::Kind::kSphere;
    ball.size = {0.03, 0, 0};
    ball.colour = {0.1, 0.7, 0.2, 1};
    marker_ = task.AddMarker("target", ball);
  }

  void Reset() override {
    for (int joint : joints_) arm_->SetJointPosition(joint, rng().Uniform(-1.5, 1.5));
    const double angle = rng().Uniform(-M_PI, M_PI);
    const double radius = rng().Uniform(0.3, 0.3 + 0.6 * parameter(spread_));
    target_ = btVector3(radius * std::cos(angle), radius * std::sin(angle), kHeight);
    action_ = {0, 0};
  }

  void Act(absl::Span<const float> action) override { action_ = {action[0], action[1]}; }

  void Substep() override {
    for (int i = 0; i < 2; ++i) arm_->AddJointForce(joints_[i], action_[i] * kTorqueMax[i]);
  }

  void Observe(ObservationWriter& out) override {
    const double shoulder = arm_->joint_position(joints_[0]);
    const double elbow = arm_->joint_position(joints_[1]);
    const btVector3 error = target_ - tip();
    out.Write(pose_, {std::sin(shoulder), std::cos(shoulder), std::sin(elbow), std::cos(elbow)});
    out.Write(velocity_, {arm_->joint_velocity(joints_[0]), arm_->joint_velocity(joints_[1])});
    out.Write(to_target_, {error.x(), error.y()});
  }

  void Reward(RewardTerms& out) override {
    out.Add(distance_, -distance());
    out.Add(effort_, -(action_[0] * action_[0] + action_[1] * action_[1]) / 2);
    out.Add(at_target_, Success() ? 1 : 0);
  }

  Termination Terminated() override {
    return arm_->LinkVelocity(tip_link_).length() > kSpeedMax ? too_fast_ : Termination();
  }

  bool Success() override { return distance() < config_.tolerance_m; }
  void Report(MetricValues& out) override { out.Set(last_distance_, distance()); }
  void Show(MarkerPoses& out) override { out.Place(marker_, target_); }

  // The action is set in each step before it is used; the target is not.
  void Keep(StateArchive& state) override { state.Keep(target_); }

 private:
  btVector3 tip() const { return arm_->LinkPose(tip_link_).getOrigin(); }
  double distance() const { return (target_ - tip()).length(); }

  const Config config_;
  Body* arm_ = nullptr;
  int tip_link_ = 0;
  std::array<int, 2> joints_ = {};
  Field pose_, velocity_, to_target_;
  RewardTerm distance_, effort_, at_target_;
  Termination too_fast_;
  Parameter spread_;
  Metric last_distance_;
  Marker marker_;
  btVector3 target_ = btVector3(0, 0, 0);
  std::array<double, 2> action_ = {};
};

}  // namespace

absl::Status RegisterTwoLinkArm(EnvRegistry& registry) {
  return RegisterTask<TwoLinkArm>(registry, "two_link_arm",
                                  "Move the tip of a planar arm to a random point.");
}
