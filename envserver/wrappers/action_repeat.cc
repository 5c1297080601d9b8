// Repeats each action for several control steps of the inner environment.
//
// Facts: the reward is the sum over the steps made; it stops where the episode ends, at the inner
// horizon too. horizon becomes horizon / steps, rounded up, control_period_s that times steps.
// Metrics over the steps made: their sum, mean or last value, as each metric's aggregation says.
// The executed action is the mean of those of the steps made. The observation and success are those
// of the last step. Refused: environments with a goal.
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

class ActionRepeat : public EnvWrapper {
 public:
  struct Config {
    int64_t steps = 2;
    void Visit(ConfigVisitor& v) {
      v.Field("steps", steps, "Control steps that each action is held for.", Between(1, 1000));
    }
  };

  ActionRepeat(std::unique_ptr<Env> env, int place, const Config& config)
      : EnvWrapper(std::move(env), place), steps_(config.steps) {
    EnvSpec& spec = mutable_spec();
    if (spec.goal.has_value()) {
      throw WrapperError(absl::StrCat(spec.id,
                                      " has a goal: hindsight computes the reward of one step for "
                                      "another goal, and cannot compute a sum over several"));
    }
    const auto steps = static_cast<double>(steps_);
    spec.horizon = (spec.horizon + steps_ - 1) / steps_;
    spec.control_period_s *= steps;
    spec.reward_low = FloatAtMost(std::min(spec.reward_low, steps * spec.reward_low));
    spec.reward_high = FloatAtLeast(std::max(spec.reward_high, steps * spec.reward_high));
    metrics_.resize(spec.metrics.size());
    step_metrics_.resize(spec.metrics.size());
    if (!spec.reports_executed_action) return;
    executed_.resize(spec.action.size());
    step_executed_.resize(spec.action.size());
  }

  ArmActions* arm() override { return nullptr; }  // Actions mean something else.

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    std::fill(metrics_.begin(), metrics_.end(), 0.0);
    std::fill(executed_.begin(), executed_.end(), 0.0);
    double reward = 0;
    int64_t count = 0;
    StepResult step;
    do {
      step = inner().Step(action, observation);
      reward += step.reward;
      ++count;
      ++inner_steps_;
      AddMetrics();
      AddExecutedAction();
    } while (count < steps_ && !step.terminated && !step.truncated &&
             inner_steps_ != inner().spec().horizon);
    for (size_t i = 0; i < metrics_.size(); ++i) {
      if (aggregation(i) == v1::MetricSpec::AGGREGATION_MEAN) {
        metrics_[i] /= static_cast<double>(count);
      }
    }
    for (double& value : executed_) value /= static_cast<double>(count);
    step.reward = static_cast<float>(reward);
    return step;
  }

  void ReadMetrics(absl::Span<float> metrics) const override {
    for (size_t i = 0; i < metrics.size(); ++i) metrics[i] = static_cast<float>(metrics_[i]);
  }
  void ReadExecutedAction(absl::Span<float> action) const override {
    for (size_t i = 0; i < action.size(); ++i) action[i] = static_cast<float>(executed_[i]);
  }

 protected:
  void Begin(uint64_t seed, Observation& observation) override {
    inner_steps_ = 0;
    inner().Reset(seed, observation);
  }
  void Keep(StateArchive& state) override { state.Keep(inner_steps_); }

 private:
  v1::MetricSpec::Aggregation aggregation(size_t i) const { return spec().metrics[i].aggregation; }

  void AddMetrics() {
    if (metrics_.empty()) return;
    inner().ReadMetrics(absl::MakeSpan(step_metrics_));
    for (size_t i = 0; i < metrics_.size(); ++i) {
      const bool is_last = aggregation(i) == v1::MetricSpec::AGGREGATION_LAST;
      metrics_[i] = (is_last ? 0 : metrics_[i]) + step_metrics_[i];
    }
  }

  void AddExecutedAction() {
    if (executed_.empty()) return;
    inner().ReadExecutedAction(absl::MakeSpan(step_executed_));
    for (size_t i = 0; i < executed_.size(); ++i) executed_[i] += step_executed_[i];
  }

  const int64_t steps_;
  int64_t inner_steps_ = 0;  // Of this episode.
  std::vector<double> metrics_;
  std::vector<float> step_metrics_;
  std::vector<double> executed_;  // Of the last step; empty if the inner one reports none.
  std::vector<float> step_executed_;
};

}  // namespace

absl::Status RegisterActionRepeat(EnvRegistry& registry) {
  return RegisterWrapper<ActionRepeat>(registry, "action_repeat",
                                       "Repeats each action for several control steps.");
}

}  // namespace armature
