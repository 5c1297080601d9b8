// Holds rewards to bounds.
//
// Facts: hindsight's rewards too. Metrics, and so the reward terms, keep the task's own values.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/config/config.h"
#include "envserver/wrappers/bounds.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/register_wrapper.h"

namespace armature {
namespace {

class ClipReward : public EnvWrapper {
 public:
  struct Config {
    double low = -1;
    double high = 1;
    void Visit(ConfigVisitor& v) {
      v.Field("low", low, "Rewards below it become this.");
      v.Field("high", high, "Rewards above it become this.");
    }
  };

  ClipReward(std::unique_ptr<Env> env, int place, const Config& config)
      : EnvWrapper(std::move(env), place),
        low_(FloatAtLeast(config.low)),
        high_(FloatAtMost(config.high)) {
    if (!(low_ < high_)) {
      throw WrapperError(
          absl::StrCat("low is ", config.low, " and high ", config.high, "; expected low < high"));
    }
    EnvSpec& spec = mutable_spec();
    spec.reward_low = std::clamp<double>(spec.reward_low, low_, high_);
    spec.reward_high = std::clamp<double>(spec.reward_high, low_, high_);
  }

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    StepResult step = inner().Step(action, observation);
    step.reward = std::clamp(step.reward, low_, high_);
    return step;
  }

  absl::Status ComputeReward(const GoalPairs& goals, absl::Span<float> reward,
                             absl::Span<uint8_t> terminated) const override {
    absl::Status status = inner().ComputeReward(goals, reward, terminated);
    if (!status.ok()) return status;
    for (float& value : reward) value = std::clamp(value, low_, high_);
    return status;
  }

 private:
  const float low_;
  const float high_;
};

}  // namespace

absl::Status RegisterClipReward(EnvRegistry& registry) {
  return RegisterWrapper<ClipReward>(registry, "clip_reward", "Holds rewards to bounds.");
}

}  // namespace armature
