// Flips a box up onto its narrow side against a wall of a bin, with a fingertip (Drake Gym's box
// flip-up). Everything moves in the x-z plane.
//
// Facts: physics step 0.001 s, 100 per control step, limit 10 s. Box: 1 kg, 0.2 x 0.3 x 0.05 m (x,
// y, z); theta > 0 lifts its end at +x. Bin: floor top at z = 0; walls 0.05 thick, inner faces at
// x = +-0.265, from z = -0.015 to 0.195. Finger: a sphere of 1 kg and radius 0.01 m on sliders
// along x and z. Friction 1. Observation: box x, z, theta, finger x, z, then their velocities.
// Action: the finger's target (x, z) in -0.5..0.5, -0.1..0.6 m. Control: f = m (100 (target - q) -
// 20 v + integral of (target - q)) + weight, every physics step. Reward: 10 - 2 phi^2 - 0.1
// theta_dot^2 - 0.1 |target - q|^2 - 0.1 |v|^2, phi = (theta mod pi) - pi / 2. Start: box x ~
// U(+-0.1), theta 0; finger at (0, 0.25).
#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "BulletCollision/CollisionShapes/btBoxShape.h"
#include "BulletCollision/CollisionShapes/btSphereShape.h"
#include "common/config/config.h"
#include "envserver/bullet/body_model.h"
#include "envserver/kit/register_task.h"
#include "envserver/kit/task.h"
#include "envserver/kit/task_builder.h"
#include "envserver/tasks/drake/drake_tasks.h"

namespace armature {
namespace {

constexpr double kTimeStep = 0.001;
constexpr double kGravity = 9.81;
constexpr double kBoxMass = 1;
constexpr double kFingerMass = 1;
constexpr double kFingerRadius = 0.01;
constexpr double kProportionalGain = 100;
constexpr double kDerivativeGain = 20;
constexpr double kIntegralGain = 1;
const btVector3 kBoxSize(0.2, 0.3, 0.05);
constexpr double kBinDepth = 0.49;

LinkModel Slider(const std::string& name, int parent, const btVector3& axis) {
  LinkModel link;
  link.name = name;
  link.parent = parent;
  link.joint_type = JointType::kPrismatic;
  link.axis = axis;
  return link;
}

std::shared_ptr<btCollisionShape> WithMargin(std::shared_ptr<btCollisionShape> shape) {
  shape->setMargin(kCollisionMargin);
  return shape;
}

// DoFs: x, z, theta.
std::shared_ptr<const BodyModel> BoxModel() {
  LinkModel box;
  box.name = "box";
  box.parent = 1;
  box.joint_type = JointType::kRevolute;
  box.axis = btVector3(0, -1, 0);  // Positive theta lifts the end at +x.
  box.mass = kBoxMass;
  box.shape = WithMargin(std::make_shared<btBoxShape>(kBoxSize / 2));
  box.shape->calculateLocalInertia(kBoxMass, box.inertia_diagonal);
  SceneShape look;
  look.kind = SceneShape::Kind::kBox;
  look.size = {kBoxSize.x(), kBoxSize.y(), kBoxSize.z()};
  look.colour = {0.85, 0.45, 0.2, 1};
  box.looks = {look};
  auto model = std::make_shared<BodyModel>();
  model->name = "box";
  model->links = {Slider("box_x", -1, {1, 0, 0}), Slider("box_z", 0, {0, 0, 1}), box};
  return model;
}

// DoFs: x, z.
std::shared_ptr<const BodyModel> FingerModel(double low_x, double high_x, double low_z,
                                             double high_z) {
  LinkModel x = Slider("finger_x", -1, {1, 0, 0});
  x.has_limits = true;
  x.position_low = low_x;
  x.position_high = high_x;
  LinkModel finger = Slider("finger", 0, {0, 0, 1});
  finger.has_limits = true;
  finger.position_low = low_z;
  finger.position_high = high_z;
  finger.mass = kFingerMass;
  finger.shape = std::make_shared<btSphereShape>(kFingerRadius);
  finger.shape->calculateLocalInertia(kFingerMass, finger.inertia_diagonal);
  SceneShape look;
  look.kind = SceneShape::Kind::kSphere;
  look.size = {kFingerRadius, 0, 0};
  look.colour = {0.2, 0.45, 0.75, 1};
  finger.looks = {look};
  auto model = std::make_shared<BodyModel>();
  model->name = "finger";
  model->links = {x, finger};
  return model;
}

class BoxFlipUp : public Task {
 public:
  struct Config {
    std::string variant = "seed";
    double time_limit_s = 10;

    void Visit(ConfigVisitor& v) {
      v.Field("variant", variant,
              "seed: the box starts on the floor, the finger moves in +-0.5, -0.1..0.3 m; current: "
              "the box drops from 0.15 m, the finger moves in +-0.3, 0..0.5 m.",
              OneOf({"seed", "current"}));
      v.Field("time_limit_s", time_limit_s,
              "Simulated length of an episode, rounded to control steps of 0.1 s.",
              Between(0.1, 3600));
    }
  };

  explicit BoxFlipUp(const Config& config) : config_(config), is_seed_(config.variant == "seed") {}

  void Build(TaskBuilder& task) override {
    task.SetTime(kTimeStep, /*physics_steps=*/100, config_.time_limit_s);
    AddBin(task);
    BodyOptions options;
    options.fixed_base = true;
    options.motors = false;
    options.linear_damping = 0;
    options.angular_damping = 0;
    options.friction = 1;
    box_ = task.AddBody(BoxModel(), options);
    finger_ = task.AddBody(
        is_seed_ ? FingerModel(-0.5, 0.5, -0.1, 0.3) : FingerModel(-0.3, 0.3, 0, 0.5), options);
    task.SetAction({-0.5, -0.1}, {0.5, 0.6});
    state_ = task.AddField("observation", 10);
    base_ = task.AddReward("base", 1);
    angle_ = task.AddReward("angle", 2);
    spin_ = task.AddReward("spin", 0.1);
    effort_ = task.AddReward("effort", 0.1);
    speed_ = task.AddReward("speed", 0.1);
    SceneCamera camera;
    camera.name = "front";
    camera.position = {0, -1, 0.3};
    camera.target = {0, 0, 0.1};
    task.AddCamera(camera);
  }

  void Reset() override {
    integral_ = {0, 0};
    box_->SetJoints({rng().Uniform(-0.1, 0.1), is_seed_ ? kBoxSize.z() / 2 : 0.15, 0}, {0, 0, 0});
    finger_->SetJoints({0, 0.25}, {0, 0});
  }

  void Act(absl::Span<const float> action) override { target_ = {action[0], action[1]}; }

  void Substep() override {
    for (int i = 0; i < 2; ++i) {
      const double error = target_[i] - finger_->joint_position(i);
      const double force =
          kFingerMass * (kProportionalGain * error - kDerivativeGain * finger_->joint_velocity(i) +
                         kIntegralGain * integral_[i]);
      finger_->AddJointForce(i, force + (i == 1 ? kFingerMass * kGravity : 0));
      integral_[i] += error * kTimeStep;
    }
  }

  void Observe(ObservationWriter& out) override {
    const auto q = [](const Body* body, int dof) { return body->joint_position(dof); };
    const auto v = [](const Body* body, int dof) { return body->joint_velocity(dof); };
    out.Write(state_, {q(box_, 0), q(box_, 1), q(box_, 2), q(finger_, 0), q(finger_, 1),  //
                       v(box_, 0), v(box_, 1), v(box_, 2), v(finger_, 0), v(finger_, 1)});
  }

  void Reward(RewardTerms& out) override {
    const double theta = box_->joint_position(2);
    const double phi = theta - M_PI * std::floor(theta / M_PI) - M_PI / 2;
    out.Add(base_, 10);
    out.Add(angle_, -phi * phi);
    out.Add(spin_, -Square(box_->joint_velocity(2)));
    for (int i = 0; i < 2; ++i) {
      out.Add(effort_, -Square(target_[i] - finger_->joint_position(i)));
      out.Add(speed_, -Square(finger_->joint_velocity(i)));
    }
  }

  void Keep(StateArchive& state) override { state.Keep(integral_); }

 private:
  static double Square(double x) { return x * x; }

  static void AddBin(TaskBuilder& task) {
    constexpr double kThickness = 0.05, kInnerX = 0.265, kBottom = -0.015, kTop = 0.195;
    const auto add = [&](const char* name, const btVector3& size, const btVector3& position) {
      BodyOptions options;
      options.name = name;
      options.base_pose.setOrigin(position);
      options.friction = 1;
      task.world().AddBox(size, /*mass=*/0, options);
    };
    add("floor", {2 * (kInnerX + kThickness), kBinDepth, -kBottom}, {0, 0, kBottom / 2});
    const btVector3 wall(kThickness, kBinDepth, kTop - kBottom);
    const double x = kInnerX + kThickness / 2, z = (kTop + kBottom) / 2;
    add("left_wall", wall, {-x, 0, z});
    add("right_wall", wall, {x, 0, z});
  }

  const Config config_;
  const bool is_seed_;
  Body* box_ = nullptr;
  Body* finger_ = nullptr;
  Field state_;
  RewardTerm base_, angle_, spin_, effort_, speed_;
  std::array<double, 2> target_ = {0, 0};    // m, of this control step.
  std::array<double, 2> integral_ = {0, 0};  // Of the error, m.s.
};

}  // namespace

absl::Status RegisterBoxFlipUp(EnvRegistry& registry) {
  return RegisterTask<BoxFlipUp>(
      registry, "box_flip_up",
      "Flip a box onto its side with a fingertip, against a wall (Drake Gym's box flip-up).");
}

}  // namespace armature
