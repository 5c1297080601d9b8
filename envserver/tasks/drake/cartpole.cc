// Balances a pole on a cart (Drake Gym's cart-pole stabilisation task).
//
// Facts: a 1 kg cart slides along x; the pole is a point mass of 0.1 kg at 0.5 m, upright at theta
// = 0, leaning to -x for theta > 0; no damping. Physics step 0.01 s, 5 per control step.
// Observation: x, theta, x_dot, theta_dot. Action: force on the cart, +-10 N. Reward: 1 per step,
// including the last. Terminated: |theta| > 0.2 or |x| > 2.4, checked after every physics step; the
// control step then ends early. Start: x ~ U(+-0.1), theta ~ U(+-0.15), theta_dot ~ U(+-0.1), x_dot
// 0. Noise: U(+-0.01) on each element. Disturbance: a force along x on the pole's mass, U(+-1) N,
// in the last 0.1 s of every second, drawn anew for each physics step. Mass: 0.1 + U(+-0.05) kg.
#include <array>
#include <cmath>
#include <memory>
#include <utility>

#include "common/config/config.h"
#include "common/scene/scene.h"
#include "envserver/bullet/body_model.h"
#include "envserver/kit/register_task.h"
#include "envserver/kit/task.h"
#include "envserver/kit/task_builder.h"
#include "envserver/tasks/drake/drake_tasks.h"

namespace armature {
namespace {

constexpr double kForceMax = 10;  // N
constexpr double kPoleLength = 0.5;
constexpr double kPoleMass = 0.1;
constexpr double kThetaMax = 0.2;
constexpr double kPositionMax = 2.4;
constexpr double kNoise = 0.01;
constexpr int kStepsPerSecond = 100;
constexpr int kQuietSteps = 90;  // Of each second.
enum Dof { kSlider, kPin };
enum Link { kCart, kPole };

SceneShape Look(SceneShape::Kind kind, const std::array<double, 3>& size, const ScenePose& pose,
                const Colour& colour) {
  SceneShape shape;
  shape.kind = kind;
  shape.size = size;
  shape.pose = pose;
  shape.colour = colour;
  return shape;
}

// For viewers only: nothing collides.
void AddLooks(BodyModel* model) {
  const double half = std::sqrt(0.5);
  constexpr Colour kSteel = {0.55, 0.57, 0.6, 1};
  model->base.looks = {Look(SceneShape::Kind::kCylinder, {0.015, 2 * kPositionMax, 0},
                            {0, 0, 0, 0, half, 0, half}, kSteel)};  // The track, along x.
  model->links[kCart].looks = {
      Look(SceneShape::Kind::kBox, {0.3, 0.16, 0.14}, kNoPose, {0.2, 0.42, 0.7, 1})};
  // The mass is at the pole's end.
  model->links[kPole].looks = {Look(SceneShape::Kind::kCylinder, {0.015, kPoleLength, 0},
                                    {0, 0, kPoleLength / 2, 0, 0, 0, 1}, kSteel),
                               Look(SceneShape::Kind::kSphere, {0.05, 0, 0},
                                    {0, 0, kPoleLength, 0, 0, 0, 1}, {0.9, 0.5, 0.15, 1})};
}

// The original's slider stops at +-4.8, which no episode reaches.
std::shared_ptr<const BodyModel> CartPoleModel() {
  auto model = std::make_shared<BodyModel>();
  model->name = "cart_pole";
  LinkModel cart;
  cart.name = "cart";
  cart.joint_type = JointType::kPrismatic;
  cart.mass = 1;
  LinkModel pole;
  pole.name = "pole";
  pole.parent = kCart;
  pole.joint_type = JointType::kRevolute;
  pole.axis = btVector3(0, -1, 0);
  pole.mass = kPoleMass;
  pole.inertial_frame.setOrigin(btVector3(0, 0, kPoleLength));
  model->links = {cart, pole};
  AddLooks(model.get());
  return model;
}

class CartPole : public Task {
 public:
  struct Config {
    bool randomize_state = true;
    bool randomize_mass = false;
    bool observation_noise = false;
    bool disturbance = false;
    double time_limit_s = 5;

    void Visit(ConfigVisitor& v) {
      v.Field("randomize_state", randomize_state,
              "Whether an episode starts from a random state, or at rest and upright.");
      v.Field("randomize_mass", randomize_mass,
              "Whether each episode has another mass of the pole, 0.05 to 0.15 kg.");
      v.Field("observation_noise", observation_noise,
              "Whether each observed value has noise of up to 0.01.");
      v.Field("disturbance", disturbance,
              "Whether random forces of up to 1 N push the pole in the last 0.1 s of each second; "
              "the parameter 'disturbance' scales them.");
      v.Field("time_limit_s", time_limit_s,
              "Simulated length of an episode, rounded to control steps of 0.05 s; 7 for training.",
              Between(0.05, 3600));
    }
  };

  explicit CartPole(const Config& config) : config_(config) {}

  void Build(TaskBuilder& task) override {
    task.SetTime(1.0 / kStepsPerSecond, /*physics_steps=*/5, config_.time_limit_s);
    task.EndBetweenPhysicsSteps();
    BodyOptions options;
    options.fixed_base = true;
    options.motors = false;
    options.linear_damping = 0;
    options.angular_damping = 0;
    body_ = task.AddBody(CartPoleModel(), options);
    task.SetAction(1, -kForceMax, kForceMax);
    // Wider than the termination limits, which the last observation of an episode exceeds.
    constexpr double kInfinity = TaskBuilder::kUnbounded;
    state_ = task.AddField("observation", {-2 * kPositionMax, -M_PI, -kInfinity, -kInfinity},
                           {2 * kPositionMax, M_PI, kInfinity, kInfinity});
    alive_ = task.AddReward("alive", 1);
    fell_ = task.AddTermination("fell");
    left_track_ = task.AddTermination("left_track");
    if (config_.disturbance) disturbance_ = task.AddParameter("disturbance", 0, 1, 1);
    SceneCamera camera;
    camera.name = "side";
    camera.position = {0, -2.5, 0.4};
    camera.target = {0, 0, 0.4};
    task.AddCamera(camera);
  }

  void Reset() override {
    if (config_.randomize_state) {
      const double x = rng().Uniform(-0.1, 0.1);
      const double theta = rng().Uniform(-0.15, 0.15);
      body_->SetJoints({x, theta}, {0, rng().Uniform(-0.1, 0.1)});
    }
    if (config_.randomize_mass) body_->SetMass(kPole, kPoleMass + rng().Uniform(-0.05, 0.05));
  }

  void Act(absl::Span<const float> action) override { force_ = action[0]; }

  void Substep() override {
    body_->AddJointForce(kSlider, force_);
    if (config_.disturbance && physics_steps() % kStepsPerSecond > kQuietSteps) {
      const double force = parameter(disturbance_) * rng().Uniform(-1, 1);
      body_->AddForce(kPole, btVector3(force, 0, 0));
    }
  }

  Termination Terminated() override {
    if (std::abs(body_->joint_position(kPin)) > kThetaMax) return fell_;
    if (std::abs(body_->joint_position(kSlider)) > kPositionMax) return left_track_;
    return {};
  }

  void Observe(ObservationWriter& out) override {
    double state[] = {body_->joint_position(kSlider), body_->joint_position(kPin),
                      body_->joint_velocity(kSlider), body_->joint_velocity(kPin)};
    if (config_.observation_noise) {
      for (double& value : state) value += rng().Uniform(-kNoise, kNoise);
    }
    out.Write(state_, state);
  }

  void Reward(RewardTerms& out) override { out.Add(alive_, 1); }

 private:
  const Config config_;
  Body* body_ = nullptr;
  Field state_;
  RewardTerm alive_;
  Termination fell_;
  Termination left_track_;
  Parameter disturbance_;
  double force_ = 0;  // N, of this control step.
};

}  // namespace

absl::Status RegisterCartPole(EnvRegistry& registry) {
  return RegisterTask<CartPole>(registry, "cartpole",
                                "Balance a pole on a cart (Drake Gym's cart-pole stabilisation).");
}

}  // namespace armature
