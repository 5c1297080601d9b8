// Adds noise to each component of the action.
//
// Facts: the noise is amplitude x half of the component's range x U(-1, 1) or x N(0, 1), drawn anew
// in each step; the sum is clipped to the action's bounds. The executed action is the inner
// environment's, so it has the noise.
// Refused: actions that are not a Box.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/config/config.h"
#include "envserver/wrappers/bounds.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/register_wrapper.h"

namespace armature {
namespace {

class ActionNoise : public EnvWrapper {
 public:
  struct Config {
    std::string distribution = "uniform";
    double amplitude = 0.1;
    void Visit(ConfigVisitor& v) {
      v.Field("distribution", distribution, "Of the noise.", OneOf({"uniform", "normal"}));
      v.Field("amplitude", amplitude,
              "The largest noise (uniform) or its standard deviation (normal), as a share of half "
              "the component's range.",
              Between(0, 10));
    }
  };

  ActionNoise(std::unique_ptr<Env> env, int place, const Config& config)
      : EnvWrapper(std::move(env), place), is_normal_(config.distribution == "normal") {
    NeedBox();
    const ActionSpec& action = spec().action;
    for (size_t i = 0; i < action.low.size(); ++i) {
      low_.push_back(FloatAtLeast(action.low[i]));
      high_.push_back(FloatAtMost(action.high[i]));
      amplitude_.push_back(config.amplitude * (action.high[i] - action.low[i]) / 2);
    }
    noisy_.resize(action.low.size());
  }

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    for (size_t i = 0; i < noisy_.size(); ++i) {
      const double unit = is_normal_ ? rng().Normal() : rng().Uniform(-1, 1);
      noisy_[i] =
          std::clamp(static_cast<float>(action[i] + amplitude_[i] * unit), low_[i], high_[i]);
    }
    return inner().Step(noisy_, observation);
  }

 private:
  const bool is_normal_;
  std::vector<float> low_;
  std::vector<float> high_;
  std::vector<double> amplitude_;
  std::vector<float> noisy_;
};

}  // namespace

absl::Status RegisterActionNoise(EnvRegistry& registry) {
  return RegisterWrapper<ActionNoise>(registry, "action_noise",
                                      "Adds noise to actions, within their bounds.");
}

}  // namespace armature
