// Multiplies rewards by a constant.
//
// Facts: hindsight's rewards too. Metrics, and so the reward terms, keep the task's own units.
#include <cstdint>
#include <memory>
#include <utility>

#include "common/config/config.h"
#include "envserver/wrappers/bounds.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/register_wrapper.h"

namespace armature {
namespace {

class RescaleReward : public EnvWrapper {
 public:
  struct Config {
    double scale = 1;
    void Visit(ConfigVisitor& v) {
      v.Field("scale", scale, "Rewards are multiplied by it.", MoreThan(0));
    }
  };

  RescaleReward(std::unique_ptr<Env> env, int place, const Config& config)
      : EnvWrapper(std::move(env), place), scale_(config.scale) {
    EnvSpec& spec = mutable_spec();
    spec.reward_low = FloatAtMost(scale_ * spec.reward_low);
    spec.reward_high = FloatAtLeast(scale_ * spec.reward_high);
  }

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    StepResult step = inner().Step(action, observation);
    step.reward = Scaled(step.reward);
    return step;
  }

  absl::Status ComputeReward(const GoalPairs& goals, absl::Span<float> reward,
                             absl::Span<uint8_t> terminated) const override {
    absl::Status status = inner().ComputeReward(goals, reward, terminated);
    if (!status.ok()) return status;
    for (float& value : reward) value = Scaled(value);
    return status;
  }

 private:
  float Scaled(float reward) const { return static_cast<float>(scale_ * reward); }

  const double scale_;
};

}  // namespace

absl::Status RegisterRescaleReward(EnvRegistry& registry) {
  return RegisterWrapper<RescaleReward>(registry, "rescale_reward",
                                        "Multiplies rewards by a constant.");
}

}  // namespace armature
