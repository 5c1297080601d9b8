// Delays actions and observations by whole control steps.
//
// Facts: the action of step t acts in step t + action_steps. Before the first one acts, a Box has
// zeros, held to its bounds, and a discrete action its first choice. After step t, what was true
// after step t - observation_steps is observed, at first the episode's first observation. Goals are
// not delayed, since rewards are computed from them as they are observed. With action_steps no
// executed action is reported: the one that is executed was chosen for an earlier step.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "common/config/config.h"
#include "envserver/wrappers/bounds.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/observation_fields.h"
#include "envserver/wrappers/register_wrapper.h"

namespace armature {
namespace {

constexpr int64_t kStepsMax = 1000;

class Latency : public EnvWrapper {
 public:
  struct Config {
    int64_t action_steps = 1;
    int64_t observation_steps = 0;
    void Visit(ConfigVisitor& v) {
      v.Field("action_steps", action_steps, "Control steps until an action acts.",
              Between(0, kStepsMax));
      v.Field("observation_steps", observation_steps,
              "Control steps until a state is observed; goals are not delayed.",
              Between(0, kStepsMax));
    }
  };

  Latency(std::unique_ptr<Env> env, int place, const Config& config)
      : EnvWrapper(std::move(env), place),
        action_steps_(config.action_steps),
        observation_steps_(config.observation_steps),
        applied_(spec().action.size()) {
    actions_.resize(action_steps_ * applied_.size());
    if (action_steps_ > 0) mutable_spec().reports_executed_action = false;
    if (observation_steps_ == 0) return;
    for (int field : SelectFields(spec(), {}, FieldKind::kAny)) {
      const int64_t bytes = spec().observation[field].bytes();
      delayed_.push_back({field, std::vector<uint8_t>(observation_steps_ * bytes)});
    }
  }

  ArmActions* arm() override { return nullptr; }  // Actions mean something else.

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    std::copy(action.begin(), action.end(), applied_.begin());
    if (action_steps_ > 0) {
      const size_t at = (steps_ % action_steps_) * applied_.size();
      std::swap_ranges(applied_.begin(), applied_.end(), actions_.begin() + at);
    }
    const StepResult step = inner().Step(applied_, observation);
    for (Delayed& each : delayed_) {
      const absl::Span<uint8_t> now = observation.fields()[each.field];
      const size_t at = (steps_ % observation_steps_) * now.size();
      std::swap_ranges(now.begin(), now.end(), each.ring.begin() + at);
    }
    ++steps_;
    return step;
  }

 protected:
  void Begin(uint64_t seed, Observation& observation) override {
    steps_ = 0;
    const ActionSpec& action = spec().action;
    for (size_t i = 0; i < actions_.size(); ++i) {
      const size_t k = i % applied_.size();
      actions_[i] = action.is_discrete() ? 0
                                         : std::clamp(0.0f, FloatAtLeast(action.low[k]),
                                                      FloatAtMost(action.high[k]));
    }
    inner().Reset(seed, observation);
    for (Delayed& each : delayed_) {
      const absl::Span<uint8_t> now = observation.fields()[each.field];
      for (int64_t k = 0; k < observation_steps_; ++k) {
        std::copy(now.begin(), now.end(), each.ring.begin() + k * now.size());
      }
    }
  }

  void Keep(StateArchive& state) override {
    state.Keep(steps_);
    state.Keep(actions_);
    for (Delayed& each : delayed_) state.Keep(each.ring);
    state.Check(steps_ >= 0);
  }

 private:
  struct Delayed {
    int field;
    std::vector<uint8_t> ring;  // [observation_steps, bytes of the field]
  };

  const int64_t action_steps_;
  const int64_t observation_steps_;
  int64_t steps_ = 0;           // Of this episode.
  std::vector<float> applied_;  // [action size]
  std::vector<float> actions_;  // [action_steps, action size]; the oldest at steps_ % action_steps.
  std::vector<Delayed> delayed_;
};

}  // namespace

absl::Status RegisterLatency(EnvRegistry& registry) {
  return RegisterWrapper<Latency>(registry, "latency",
                                  "Delays actions and observations by whole control steps.");
}

}  // namespace armature
