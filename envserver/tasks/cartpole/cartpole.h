// Balances a pole on a cart (Drake Gym's cart-pole stabilisation task).
//
// Facts: a 1 kg cart slides along x; the pole is a point mass of 0.1 kg at 0.5 m, upright at theta
// = 0, leaning to -x for theta > 0; no damping. Physics step 0.01 s, 5 per control step.
// Observation: x, theta, x_dot, theta_dot (float32). Action: force on the cart, +-10 N. Reward: 1
// per step, including the last. Terminated: |theta| > 0.2 or |x| > 2.4, checked after every physics
// step; the control step then ends early. Reset: x ~ U(+-0.1), theta ~ U(+-0.15), theta_dot ~
// U(+-0.1), x_dot 0.
// Thread safety, determinism: see Env.
#ifndef ARMATURE_ENVSERVER_TASKS_CARTPOLE_CARTPOLE_H_
#define ARMATURE_ENVSERVER_TASKS_CARTPOLE_CARTPOLE_H_

#include <memory>

#include "absl/types/span.h"
#include "common/config/config.h"
#include "common/spec/env_spec.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/env/env.h"

namespace armature {

struct CartPoleConfig {
  bool randomize_state = true;
  double time_limit_s = 5;

  void Visit(ConfigVisitor& v) {
    v.Field("randomize_state", randomize_state,
            "Whether an episode starts from a random state, or at rest and upright.");
    v.Field("time_limit_s", time_limit_s,
            "Simulated length of an episode, rounded to control steps of 0.05 s; 7 for training.",
            Between(0.05, 3600));
  }
};

class CartPole : public Env {
 public:
  explicit CartPole(const CartPoleConfig& config);

  const EnvSpec& spec() const override { return spec_; }
  void Reset(uint64_t seed, Observation& observation) override;
  StepResult Step(absl::Span<const float> action, Observation& observation) override;

 private:
  void Observe(Observation& observation) const;

  const bool randomize_state_;
  const EnvSpec spec_;
  BulletWorld world_;
  Body* body_;
  WorldState state_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_CARTPOLE_CARTPOLE_H_
