#include "envserver/tasks/cartpole/cartpole.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "common/random/rng.h"
#include "envserver/bullet/body_model.h"

namespace armature {
namespace {

constexpr int kSubsteps = 5;
constexpr double kTimeStep = 0.01;
constexpr double kControlPeriod = kSubsteps * kTimeStep;
constexpr double kForceMax = 10;  // N
constexpr double kPoleLength = 0.5;
constexpr double kThetaMax = 0.2;
constexpr double kPositionMax = 2.4;
enum Dof { kSlider, kPin };

// The original's slider stops at +-4.8, which no episode reaches.
std::shared_ptr<const BodyModel> CartPoleModel() {
  auto model = std::make_shared<BodyModel>();
  LinkModel cart;
  cart.name = "cart";
  cart.joint_type = JointType::kPrismatic;
  cart.mass = 1;
  LinkModel pole;
  pole.name = "pole";
  pole.parent = 0;
  pole.joint_type = JointType::kRevolute;
  pole.axis = btVector3(0, -1, 0);
  pole.mass = 0.1;
  pole.inertial_frame.setOrigin(btVector3(0, 0, kPoleLength));
  model->links = {cart, pole};
  return model;
}

BodyOptions CartPoleOptions() {
  BodyOptions options;
  options.fixed_base = true;
  options.motors = false;
  options.linear_damping = 0;
  options.angular_damping = 0;
  return options;
}

WorldOptions CartPoleWorldOptions() {
  WorldOptions options;
  options.time_step_s = kTimeStep;
  return options;
}

EnvSpec MakeSpec(const CartPoleConfig& config) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EnvSpec spec;
  spec.id = "cartpole";
  FieldSpec observation;
  observation.name = "observation";
  observation.shape = {4};
  // Wider than the termination limits: the last observation of an episode exceeds those.
  observation.low = {-2 * kPositionMax, -M_PI, -kInfinity, -kInfinity};
  observation.high = {2 * kPositionMax, M_PI, kInfinity, kInfinity};
  spec.observation = {observation};
  spec.action.low = {-kForceMax};
  spec.action.high = {kForceMax};
  spec.horizon = std::llround(config.time_limit_s / kControlPeriod);
  spec.control_period_s = kControlPeriod;
  spec.reward_low = 1;
  spec.reward_high = 1;
  return spec;
}

}  // namespace

CartPole::CartPole(const CartPoleConfig& config)
    : randomize_state_(config.randomize_state),
      spec_(MakeSpec(config)),
      world_(CartPoleWorldOptions()),
      body_(world_.AddBody(CartPoleModel(), CartPoleOptions())) {
  world_.SaveState(&state_);
}

void CartPole::Reset(uint64_t seed, Observation& observation) {
  BodyState& state = state_[body_->id()];
  if (randomize_state_) {
    Rng rng({seed});
    state.joint_position[kSlider] = rng.Uniform(-0.1, 0.1);
    state.joint_position[kPin] = rng.Uniform(-0.15, 0.15);
    state.joint_velocity[kPin] = rng.Uniform(-0.1, 0.1);
  }
  world_.RestoreState(state_);
  Observe(observation);
}

StepResult CartPole::Step(absl::Span<const float> action, Observation& observation) {
  const double force = std::clamp<double>(action[0], -kForceMax, kForceMax);
  StepResult step;
  step.reward = 1;
  for (int i = 0; i < kSubsteps && !step.terminated; ++i) {
    body_->AddJointForce(kSlider, force);
    world_.Step();
    step.terminated = std::abs(body_->joint_position(kPin)) > kThetaMax ||
                      std::abs(body_->joint_position(kSlider)) > kPositionMax;
  }
  Observe(observation);
  return step;
}

void CartPole::Observe(Observation& observation) const {
  const absl::Span<float> field = observation.Field<float>(0);
  field[0] = static_cast<float>(body_->joint_position(kSlider));
  field[1] = static_cast<float>(body_->joint_position(kPin));
  field[2] = static_cast<float>(body_->joint_velocity(kSlider));
  field[3] = static_cast<float>(body_->joint_velocity(kPin));
}

}  // namespace armature
