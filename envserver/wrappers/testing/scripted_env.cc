#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "envserver/env/env.h"
#include "envserver/wrappers/testing/exact_arm.h"
#include "envserver/wrappers/testing/tumbling_box.h"
#include "envserver/wrappers/testing/wrapped_envs.h"

namespace armature {
namespace {

constexpr double kDesired = 3;

struct ScriptedConfig {
  int64_t horizon = 10;
  int64_t ends_at = 0;
  bool discrete = false;
  bool goal = false;
  double executes = 0;

  void Visit(ConfigVisitor& v) {
    v.Field("horizon", horizon, "Steps; 0: no limit.");
    v.Field("ends_at", ends_at, "Terminated after this step; 0: never.");
    v.Field("discrete", discrete, "Whether the action is one of 3 choices.");
    v.Field("goal", goal, "Whether it has a goal.");
    v.Field("executes", executes, "Share of the action that is executed; 0: not said.",
            Between(0, 1));
  }
};

EnvSpec ScriptedSpec(const ScriptedConfig& config) {
  EnvSpec spec;
  spec.id = "scripted";
  spec.observation = {{"state", v1::DTYPE_FLOAT32, {2}, {-20}, {20}},
                      {"applied", v1::DTYPE_FLOAT32, {2}, {-2, 0}, {2, 2}},
                      {"velocity", v1::DTYPE_FLOAT32, {3}, {0}, {5}},
                      {"orientation", v1::DTYPE_FLOAT32, {4}, {-1}, {1}},
                      {"count", v1::DTYPE_INT64, {}, {}, {}},
                      {"precise", v1::DTYPE_FLOAT64, {}, {0}, {1000}}};
  spec.action = ActionSpec{{-2, 0}, {2, 1}};
  if (config.discrete) {
    spec.action = ActionSpec();
    spec.action.choices = {3};
  }
  spec.reward_low = 0;
  spec.reward_high = 1000;
  if (config.goal) {
    spec.observation.push_back({"achieved", v1::DTYPE_FLOAT32, {1}, {}, {}});
    spec.observation.push_back({"desired", v1::DTYPE_FLOAT32, {1}, {}, {}});
    spec.goal = GoalSpec{"achieved", "desired", {}};
    spec.reward_low = -1000;
    spec.reward_high = 0;
  }
  spec.horizon = config.horizon;
  spec.control_period_s = 0.1;
  spec.metrics = {{"sum", v1::MetricSpec::AGGREGATION_SUM},
                  {"mean", v1::MetricSpec::AGGREGATION_MEAN},
                  {"last", v1::MetricSpec::AGGREGATION_LAST}};
  spec.parameters = {{"level", 0, 1, 0.5}};
  spec.saves_state = true;
  spec.reports_executed_action = config.executes > 0;
  return spec;
}

class ScriptedEnv : public Env {
 public:
  explicit ScriptedEnv(const ScriptedConfig& config)
      : config_(config), spec_(ScriptedSpec(config)) {}

  const EnvSpec& spec() const override { return spec_; }

  void Reset(uint64_t, Observation& observation) override {
    state_ = {};
    Write(observation);
  }

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    ++state_.steps;
    std::copy(action.begin(), action.end(), state_.applied.begin());
    Write(observation);
    StepResult step;
    step.reward = config_.goal ? GoalReward(static_cast<float>(state_.steps), kDesired)
                               : static_cast<float>(state_.steps);
    step.terminated = config_.ends_at > 0 && state_.steps >= config_.ends_at;
    return step;
  }

  absl::Status ComputeReward(const GoalPairs& goals, absl::Span<float> reward,
                             absl::Span<uint8_t> terminated) const override {
    if (!config_.goal) return Env::ComputeReward(goals, reward, terminated);
    for (size_t i = 0; i < reward.size(); ++i) {
      reward[i] = GoalReward(goals.achieved[i], goals.desired[i]);
      terminated[i] = 0;
    }
    return absl::OkStatus();
  }

  void ReadMetrics(absl::Span<float> metrics) const override {
    std::fill(metrics.begin(), metrics.end(), static_cast<float>(state_.steps));
  }

  void ReadExecutedAction(absl::Span<float> action) const override {
    for (size_t i = 0; i < action.size(); ++i) {
      action[i] = static_cast<float>(config_.executes * state_.applied[i]);
    }
  }

  absl::Status SaveState(std::string* state) override {
    state->append(reinterpret_cast<const char*>(&state_), sizeof(state_));
    return absl::OkStatus();
  }

  absl::Status RestoreState(absl::string_view state) override {
    if (state.size() != sizeof(state_)) return absl::InvalidArgumentError("not a state");
    std::memcpy(&state_, state.data(), sizeof(state_));
    return absl::OkStatus();
  }

 private:
  struct State {
    int64_t steps = 0;
    std::array<float, 2> applied = {0, 0};
  };

  static float GoalReward(float achieved, double desired) {
    return static_cast<float>(-std::abs(achieved - desired));
  }

  void Write(Observation& observation) const {
    const auto t = static_cast<float>(state_.steps);
    const absl::Span<float> state = observation.Field<float>(0);
    state[0] = t;
    state[1] = -t;
    std::copy(state_.applied.begin(), state_.applied.end(), observation.Field<float>(1).begin());
    const absl::Span<float> velocity = observation.Field<float>(2);
    for (int i = 0; i < 3; ++i) velocity[i] = static_cast<float>(3 + i);
    const absl::Span<float> orientation = observation.Field<float>(3);
    orientation[0] = orientation[1] = 0;
    orientation[2] = orientation[3] = static_cast<float>(std::sqrt(0.5));
    observation.Field<int64_t>(4)[0] = state_.steps;
    observation.Field<double>(5)[0] = static_cast<double>(state_.steps) / 8;
    if (!config_.goal) return;
    observation.Field<float>(6)[0] = t;
    observation.Field<float>(7)[0] = static_cast<float>(kDesired);
  }

  const ScriptedConfig config_;
  const EnvSpec spec_;
  State state_;
};

}  // namespace

absl::Status RegisterWrappedEnvs(EnvRegistry& registry) {
  absl::Status status = registry.Register(
      "scripted", "All is a function of the step.",
      [](const EnvConfig& values) -> absl::StatusOr<std::unique_ptr<Env>> {
        ScriptedConfig config;
        absl::Status loaded = LoadMap(values, "env_config", ConfigOf(config));
        if (!loaded.ok()) return loaded;
        return std::make_unique<ScriptedEnv>(config);
      },
      [] {
        ScriptedConfig config;
        return DescribeKeys(ConfigOf(config));
      });
  status.Update(RegisterTumblingBox(registry));
  status.Update(RegisterExactArm(registry));
  return status;
}

}  // namespace armature
