#include "envserver/testing/test_envs.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/config/config.h"
#include "common/random/rng.h"
#include "envserver/testing/equipped_env.h"

namespace armature {
namespace {

constexpr double kStep = 0.1;
constexpr double kGoalRadius = 0.05;
constexpr int64_t kWidthPx = 24;
constexpr int64_t kHeightPx = 16;

struct PointMassConfig {
  bool terminate_on_success = true;
  std::string fault = "none";
  bool also_reset = false;
  int64_t fatal_reset = 0;
  bool fatal_render = false;
  bool render = false;

  void Visit(ConfigVisitor& v) {
    v.Field("terminate_on_success", terminate_on_success, "End the episode at the goal.");
    v.Field("render", render, "Whether it can be drawn.");
  }
};

struct FaultyConfig : PointMassConfig {
  void Visit(ConfigVisitor& v) {
    v.Field("fault", fault, "What the fatal action does.",
            OneOf({"none", "throw", "throw_other", "nan_reward", "nan_observation", "hang"}));
    v.Field("also_reset", also_reset, "New environments do it too, in Reset.");
    v.Field("fatal_reset", fatal_reset, "Which Reset does it too, counted from 1.", AtLeast(0));
    v.Field("fatal_render", fatal_render, "Render does it too.");
  }
};

EnvSpec PointMassSpec(const std::string& id, bool renders) {
  EnvSpec spec;
  spec.id = id;
  for (const char* name : {"observation", "achieved_goal", "desired_goal"}) {
    spec.observation.push_back({name, v1::DTYPE_FLOAT32, {2}, {-1}, {1}});
  }
  spec.action = ActionSpec{{-1, -1}, {1, 1}};
  spec.goal = GoalSpec{"achieved_goal", "desired_goal"};
  spec.horizon = 20;
  spec.control_period_s = 0.05;
  spec.reward_low = -3;
  spec.reward_high = 0;
  spec.reports_success = true;
  if (renders) spec.render = RenderSpec{kWidthPx, kHeightPx};
  return spec;
}

// Faults shared by the environments of one factory.
struct FaultState {
  std::shared_ptr<HangGate> gate;
  std::atomic<bool> began{false};
  std::atomic<int64_t> resets{0};
};

class PointMass : public Env {
 public:
  PointMass(std::string id, PointMassConfig config, std::shared_ptr<FaultState> faults)
      : spec_(PointMassSpec(id, config.render || config.fatal_render)),
        config_(std::move(config)),
        faults_(std::move(faults)) {}
  ~PointMass() override { faults_->gate->CountFreed(waited_); }

  const EnvSpec& spec() const override { return spec_; }

  void Reset(uint64_t seed, Observation& observation) override {
    Rng rng({seed});
    for (double* value : {&x_, &y_, &goal_x_, &goal_y_}) *value = rng.Uniform(-1, 1);
    Write(observation);
    const bool fatal = ++faults_->resets == config_.fatal_reset;
    if (fatal || (config_.also_reset && faults_->began)) Fail(observation);
  }

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    x_ = std::clamp(x_ + kStep * action[0], -1.0, 1.0);
    y_ = std::clamp(y_ + kStep * action[1], -1.0, 1.0);
    Write(observation);
    StepResult result;
    uint8_t terminated;
    const absl::Status status =
        ComputeReward({observation.Field<float>(1), observation.Field<float>(2), {}},
                      absl::MakeSpan(&result.reward, 1), absl::MakeSpan(&terminated, 1));
    result.is_success = -result.reward < kGoalRadius;
    result.terminated = terminated != 0;
    if (!status.ok()) throw std::logic_error(std::string(status.message()));
    if (action[1] == 1 && config_.fault != "none") {
      faults_->began = true;
      if (config_.fault == "nan_reward") {
        result.reward = std::numeric_limits<float>::quiet_NaN();
      } else {
        Fail(observation);
      }
    }
    return result;
  }

  absl::Status ComputeReward(const GoalPairs& goals, absl::Span<float> reward,
                             absl::Span<uint8_t> terminated) const override {
    for (size_t i = 0; i < reward.size(); ++i) {
      const double distance = std::hypot(goals.achieved[2 * i] - goals.desired[2 * i],
                                         goals.achieved[2 * i + 1] - goals.desired[2 * i + 1]);
      reward[i] = static_cast<float>(-distance);
      terminated[i] = config_.terminate_on_success && -reward[i] < kGoalRadius;
    }
    return absl::OkStatus();
  }

  absl::Status Render(absl::Span<uint8_t> rgb) override {
    if (config_.fatal_render) Break();
    std::fill(rgb.begin(), rgb.end(), 0);
    rgb[PixelAt(goal_x_, goal_y_) + 1] = 255;
    std::fill_n(rgb.begin() + PixelAt(x_, y_), 3, 255);
    return absl::OkStatus();
  }

 private:
  // Index of the first byte of the pixel at a position in the square.
  static int64_t PixelAt(double x, double y) {
    const auto column = static_cast<int64_t>(std::lround((x + 1) / 2 * (kWidthPx - 1)));
    const auto row = static_cast<int64_t>(std::lround((1 - y) / 2 * (kHeightPx - 1)));
    return (row * kWidthPx + column) * 3;
  }

  void Write(Observation& observation) const {
    for (int64_t field : {0, 1}) {
      observation.Field<float>(field)[0] = static_cast<float>(x_);
      observation.Field<float>(field)[1] = static_cast<float>(y_);
    }
    observation.Field<float>(2)[0] = static_cast<float>(goal_x_);
    observation.Field<float>(2)[1] = static_cast<float>(goal_y_);
  }

  // Faults that do not need an observation.
  void Break() {
    if (config_.fault == "throw") throw std::runtime_error("the joint broke");
    if (config_.fault == "throw_other") throw 7;
    if (config_.fault == "hang") {
      waited_ = true;
      faults_->gate->Pass();
    }
  }

  void Fail(Observation& observation) {
    Break();
    if (config_.fault == "hang") return;
    observation.Field<float>(0)[1] = std::numeric_limits<float>::quiet_NaN();
  }

  const EnvSpec spec_;
  const PointMassConfig config_;
  const std::shared_ptr<FaultState> faults_;
  double x_ = 0, y_ = 0, goal_x_ = 0, goal_y_ = 0;
  bool waited_ = false;
};

struct CounterConfig {
  int64_t limit = 10;
  void Visit(ConfigVisitor& v) {
    v.Field("limit", limit, "The episode ends beyond it.", AtLeast(0));
  }
};

class CounterEnv : public Env {
 public:
  explicit CounterEnv(const CounterConfig& config) : config_(config) {
    spec_.id = "counter";
    spec_.observation = {{"count", v1::DTYPE_INT64, {}, {0}, {}},
                         {"odd", v1::DTYPE_UINT8, {2}, {0}, {1}}};
    spec_.action.choices = {3};
    spec_.control_period_s = 1;
    spec_.reward_low = 0;
    spec_.reward_high = 2;
  }

  const EnvSpec& spec() const override { return spec_; }

  void Reset(uint64_t seed, Observation& observation) override {
    count_ = Rng({seed}).Index(2);
    Write(observation);
  }

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    count_ += static_cast<int64_t>(action[0]);
    Write(observation);
    StepResult result;
    result.reward = action[0];
    result.terminated = count_ > config_.limit;
    return result;
  }

 private:
  void Write(Observation& observation) const {
    observation.Field<int64_t>(0)[0] = count_;
    observation.Field<uint8_t>(1)[0] = count_ % 2;
    observation.Field<uint8_t>(1)[1] = 1 - count_ % 2;
  }

  const CounterConfig config_;
  EnvSpec spec_;
  int64_t count_ = 0;
};

}  // namespace

absl::Status RegisterTestEnvs(EnvRegistry& registry, std::shared_ptr<HangGate> gate) {
  auto faults = std::make_shared<FaultState>();
  faults->gate = gate;
  absl::Status status = RegisterEquippedEnv(registry, std::move(gate));
  status.Update(registry.Register(
      "point_mass", "A point is pushed to a goal.",
      [faults](const EnvConfig& values) -> absl::StatusOr<std::unique_ptr<Env>> {
        PointMassConfig config;
        if (absl::Status loaded = LoadMap(values, "env_config", ConfigOf(config)); !loaded.ok()) {
          return loaded;
        }
        return std::make_unique<PointMass>("point_mass", config, faults);
      }));
  status.Update(registry.Register(
      "faulty", "A point mass that breaks when its second action is 1.",
      [faults](const EnvConfig& values) -> absl::StatusOr<std::unique_ptr<Env>> {
        FaultyConfig config;
        if (absl::Status loaded = LoadMap(values, "env_config", ConfigOf(config)); !loaded.ok()) {
          return loaded;
        }
        return std::make_unique<PointMass>("faulty", config, faults);
      }));
  status.Update(registry.Register(
      "counter", "Counts the choices made.",
      [](const EnvConfig& values) -> absl::StatusOr<std::unique_ptr<Env>> {
        CounterConfig config;
        if (absl::Status loaded = LoadMap(values, "env_config", ConfigOf(config)); !loaded.ok()) {
          return loaded;
        }
        return std::make_unique<CounterEnv>(config);
      }));
  return status;
}

}  // namespace armature
