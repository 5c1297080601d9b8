// Gives all components of the action the same bounds.
//
// Facts: an action a in [low, high] acts as l + (a - low) / (high - low) x (h - l), where [l, h]
// are the component's own bounds. The executed action is mapped back. Refused: actions that are not
// a Box.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/config/config.h"
#include "envserver/wrappers/bounds.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/register_wrapper.h"

namespace armature {
namespace {

class RescaleAction : public EnvWrapper {
 public:
  struct Config {
    double low = -1;
    double high = 1;
    void Visit(ConfigVisitor& v) {
      v.Field("low", low, "Lower bound of each component.");
      v.Field("high", high, "Upper bound of each component.");
    }
  };

  RescaleAction(std::unique_ptr<Env> env, int place, const Config& config)
      : EnvWrapper(std::move(env), place), config_(config), inner_action_(spec().action.size()) {
    NeedBox();
    if (!(config.low < config.high)) {
      throw WrapperError(
          absl::StrCat("low is ", config.low, " and high ", config.high, "; expected low < high"));
    }
    ActionSpec& action = mutable_spec().action;
    std::fill(action.low.begin(), action.low.end(), config.low);
    std::fill(action.high.begin(), action.high.end(), config.high);
  }

  ArmActions* arm() override { return nullptr; }  // Actions mean something else.

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    const ActionSpec& bounds = inner().spec().action;
    for (size_t i = 0; i < inner_action_.size(); ++i) {
      const double share = (action[i] - config_.low) / (config_.high - config_.low);
      const double value = bounds.low[i] + share * (bounds.high[i] - bounds.low[i]);
      inner_action_[i] = std::clamp(static_cast<float>(value), FloatAtLeast(bounds.low[i]),
                                    FloatAtMost(bounds.high[i]));
    }
    return inner().Step(inner_action_, observation);
  }

  void ReadExecutedAction(absl::Span<float> action) const override {
    inner().ReadExecutedAction(action);
    const ActionSpec& bounds = inner().spec().action;
    for (size_t i = 0; i < action.size(); ++i) {
      const double share = (action[i] - bounds.low[i]) / (bounds.high[i] - bounds.low[i]);
      const double value = config_.low + share * (config_.high - config_.low);
      action[i] = std::clamp(static_cast<float>(value), static_cast<float>(config_.low),
                             static_cast<float>(config_.high));
    }
  }

 private:
  const Config config_;
  std::vector<float> inner_action_;
};

}  // namespace

absl::Status RegisterRescaleAction(EnvRegistry& registry) {
  return RegisterWrapper<RescaleAction>(registry, "rescale_action",
                                        "Gives all components of the action the same bounds.");
}

}  // namespace armature
