#include "envserver/testing/equipped_env.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/config/config.h"
#include "common/random/rng.h"

namespace armature {
namespace {

constexpr double kStep = 0.1;
constexpr double kNoise = 0.01;
constexpr double kEffort = 0.1;
constexpr double kGoalRadius = 0.05;
constexpr Colour kBlue = {0, 0, 1, 1};
constexpr Colour kGreen = {0, 1, 0, 1};

// A number in [-1, 1) that depends on `seed` and `index` alone (SplitMix64, Steele et al. 2014).
// Cheaper than seeding an Rng in each step.
double NoiseAt(uint64_t seed, uint64_t index) {
  uint64_t bits = seed + (index + 1) * 0x9e3779b97f4a7c15u;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
  bits ^= bits >> 31;
  return static_cast<double>(bits >> 11) * 0x1p-52 - 1;
}

struct EquippedConfig {
  bool terminate_on_success = true;
  bool has_scene = true;
  std::string fault = "none";

  void Visit(ConfigVisitor& v) {
    v.Field("terminate_on_success", terminate_on_success, "End the episode at the goal.");
    v.Field("has_scene", has_scene, "Whether it can be watched.");
    v.Field("fault", fault, "What breaks.",
            OneOf({"none", "nan_metric", "nan_extra", "nan_executed", "wild_executed",
                   "throw_executed", "throw_metrics", "hang_step", "throw_save", "hang_save",
                   "refuse_save", "throw_restore", "throw_view", "nan_view", "hang_view"}));
  }
};

EnvSpec EquippedSpec(bool has_scene) {
  EnvSpec spec;
  spec.id = "equipped";
  for (const char* name : {"observation", "achieved_goal", "desired_goal"}) {
    spec.observation.push_back({name, v1::DTYPE_FLOAT32, {2}, {-1}, {1}});
  }
  spec.action = ActionSpec{{-1, -1}, {1, 1}};
  spec.goal = GoalSpec{
      "achieved_goal",
      "desired_goal",
      {{"push", v1::DTYPE_FLOAT32, {2}, {}, {}}, {"effort", v1::DTYPE_FLOAT32, {}, {}, {}}}};
  spec.horizon = 20;
  spec.control_period_s = 0.05;
  spec.reward_low = -4;
  spec.reward_high = 0;
  spec.reports_success = true;
  spec.metrics = {{"reward/distance", v1::MetricSpec::AGGREGATION_SUM},
                  {"reward/effort", v1::MetricSpec::AGGREGATION_SUM},
                  {"speed", v1::MetricSpec::AGGREGATION_MEAN},
                  {"distance", v1::MetricSpec::AGGREGATION_LAST}};
  spec.parameters = {{"level", 0, 1, 1}};
  spec.saves_state = true;
  spec.has_scene = has_scene;
  spec.reports_executed_action = true;
  return spec;
}

Scene SmallScene() {
  auto tetrahedron = std::make_shared<SceneMesh>();
  tetrahedron->name = "tetrahedron";
  tetrahedron->vertices = {0, 0, 0, 0.1f, 0, 0, 0, 0.1f, 0, 0, 0, 0.1f};
  tetrahedron->triangles = {0, 2, 1, 0, 1, 3, 0, 3, 2, 1, 2, 3};
  Scene scene;
  scene.bodies = {{"floor", false}, {"point", false}, {"goal", true}};
  scene.shapes.resize(3);
  scene.shapes[0].kind = SceneShape::Kind::kPlane;
  scene.shapes[1].body = 1;
  scene.shapes[1].kind = SceneShape::Kind::kMesh;
  scene.shapes[1].mesh = std::move(tetrahedron);
  scene.shapes[2].body = 2;
  scene.shapes[2].kind = SceneShape::Kind::kSphere;
  scene.shapes[2].size = {kGoalRadius, 0, 0};
  scene.shapes[2].colour = kBlue;
  scene.cameras.emplace_back();
  scene.cameras[0].name = "above";
  return scene;
}

class EquippedEnv : public Env {
 public:
  EquippedEnv(EquippedConfig config, std::shared_ptr<HangGate> gate)
      : spec_(EquippedSpec(config.has_scene)),
        config_(std::move(config)),
        gate_(std::move(gate)),
        scene_(SmallScene()) {}
  ~EquippedEnv() override { gate_->CountFreed(waited_); }

  const EnvSpec& spec() const override { return spec_; }

  void Reset(uint64_t seed, Observation& observation) override {
    state_.seed = seed;
    state_.steps = 0;
    state_.action[0] = state_.action[1] = 0;
    Rng rng({seed});
    for (double* place : {state_.point, state_.goal}) {
      for (int i : {0, 1}) place[i] = rng.Uniform(-1, 1) * level_;
    }
    Write(observation);
  }

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    ++state_.steps;
    for (int i : {0, 1}) {
      state_.action[i] = action[i];
      const double noise = NoiseAt(state_.seed, 2 * state_.steps + i);
      const double moved = state_.point[i] + kStep * action[i] + kNoise * noise;
      const double before = state_.point[i];
      state_.point[i] = std::clamp(moved, -1.0, 1.0);
      executed_[i] = static_cast<float>(std::clamp((state_.point[i] - before) / kStep, -1.0, 1.0));
    }
    Write(observation);
    if (Breaks("hang_step")) Hang();
    float extra[3];
    ReadExtra(extra);
    StepResult result;
    uint8_t terminated = 0;
    const absl::Status status =
        ComputeReward({observation.Field<float>(1), observation.Field<float>(2), extra},
                      absl::MakeSpan(&result.reward, 1), absl::MakeSpan(&terminated, 1));
    if (!status.ok()) throw std::logic_error(std::string(status.message()));
    result.terminated = terminated != 0;
    result.is_success = Distance() < kGoalRadius;
    return result;
  }

  absl::Status ComputeReward(const GoalPairs& goals, absl::Span<float> reward,
                             absl::Span<uint8_t> terminated) const override {
    for (size_t i = 0; i < reward.size(); ++i) {
      const double distance = std::hypot(goals.achieved[2 * i] - goals.desired[2 * i],
                                         goals.achieved[2 * i + 1] - goals.desired[2 * i + 1]);
      reward[i] = static_cast<float>(-distance - goals.extra[3 * i + 2]);
      terminated[i] = config_.terminate_on_success && distance < kGoalRadius;
    }
    return absl::OkStatus();
  }

  void SetParameters(absl::Span<const double> values) override { level_ = values[0]; }

  void ReadMetrics(absl::Span<float> metrics) const override {
    if (Breaks("throw_metrics")) throw std::runtime_error("the gauge broke");
    metrics[0] = static_cast<float>(-Distance());
    metrics[1] = static_cast<float>(-Effort());
    metrics[2] = static_cast<float>(std::hypot(state_.action[0], state_.action[1]));
    metrics[3] = static_cast<float>(Distance());
    if (Breaks("nan_metric")) metrics[2] = std::numeric_limits<float>::quiet_NaN();
  }

  void ReadGoalExtra(absl::Span<float> extra) const override {
    ReadExtra(extra);
    if (Breaks("nan_extra")) extra[2] = std::numeric_limits<float>::infinity();
  }

  void ReadExecutedAction(absl::Span<float> action) const override {
    if (Breaks("throw_executed")) throw std::runtime_error("the encoder broke");
    std::copy_n(executed_, 2, action.begin());
    if (Breaks("nan_executed")) action[1] = std::numeric_limits<float>::quiet_NaN();
    if (Breaks("wild_executed")) action[0] = 1.5f;
  }

  absl::Status SaveState(std::string* state) override {
    if (config_.fault == "throw_save") throw std::runtime_error("the disk broke");
    if (config_.fault == "refuse_save") return absl::ResourceExhaustedError("the disk is full");
    if (config_.fault == "hang_save") Hang();
    state->append(reinterpret_cast<const char*>(&state_), sizeof(state_));
    return absl::OkStatus();
  }

  absl::Status RestoreState(absl::string_view state) override {
    if (config_.fault == "throw_restore") throw std::runtime_error("the disk broke");
    if (state.size() != sizeof(state_)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the state has ", state.size(), " bytes, expected ", sizeof(state_)));
    }
    std::memcpy(&state_, state.data(), sizeof(state_));
    ColourGoal();
    return absl::OkStatus();
  }

  const Scene* scene() const override { return &scene_; }

  void ReadView(SceneView& view) const override {
    if (config_.fault == "throw_view") throw std::runtime_error("the lamp broke");
    if (config_.fault == "hang_view") Hang();
    view.poses.assign(3, kNoPose);
    std::copy_n(state_.point, 2, view.poses[1].begin());
    std::copy_n(state_.goal, 2, view.poses[2].begin());
    if (config_.fault == "nan_view") view.poses[1][2] = std::numeric_limits<double>::quiet_NaN();
    view.contacts.resize(1);
    view.contacts[0].position = {static_cast<float>(state_.point[0]),
                                 static_cast<float>(state_.point[1]), 0};
    view.contacts[0].normal = {0, 0, 1};
    view.contacts[0].force = 2;
    view.time_s = state_.steps * spec_.control_period_s;
    view.scene_version = scene_version_;
  }

 private:
  // All that the future depends on.
  struct State {
    uint64_t seed;
    int64_t steps;
    double point[2];
    double goal[2];
    double action[2];
  };
  static_assert(sizeof(State) == kEquippedStateBytes, "saved as it lies in memory");

  double Distance() const {
    return std::hypot(state_.point[0] - state_.goal[0], state_.point[1] - state_.goal[1]);
  }
  double Effort() const {
    return kEffort * (state_.action[0] * state_.action[0] + state_.action[1] * state_.action[1]);
  }
  void ReadExtra(absl::Span<float> extra) const {
    extra[0] = static_cast<float>(state_.action[0]);
    extra[1] = static_cast<float>(state_.action[1]);
    extra[2] = static_cast<float>(Effort());
  }
  // Whether the last step asked for the fault.
  bool Breaks(const char* fault) const { return config_.fault == fault && state_.action[1] == 1; }
  void Hang() const {
    waited_ = true;
    gate_->Pass();
  }

  void Write(Observation& observation) {
    for (int i : {0, 1}) {
      observation.Field<float>(0)[i] = observation.Field<float>(1)[i] =
          static_cast<float>(state_.point[i]);
      observation.Field<float>(2)[i] = static_cast<float>(state_.goal[i]);
    }
    ColourGoal();
  }
  void ColourGoal() {
    const Colour colour = Distance() < kGoalRadius ? kGreen : kBlue;
    if (colour == scene_.shapes[2].colour) return;
    scene_.shapes[2].colour = colour;
    ++scene_version_;
  }

  const EnvSpec spec_;
  const EquippedConfig config_;
  const std::shared_ptr<HangGate> gate_;
  double level_ = 1;
  State state_ = {};
  float executed_[2] = {0, 0};  // Of the last step.
  Scene scene_;
  int64_t scene_version_ = 0;
  mutable bool waited_ = false;
};

}  // namespace

absl::Status RegisterEquippedEnv(EnvRegistry& registry, std::shared_ptr<HangGate> gate) {
  return registry.Register(
      "equipped", "A point mass with every ability.",
      [gate = std::move(gate)](const EnvConfig& values) -> absl::StatusOr<std::unique_ptr<Env>> {
        EquippedConfig config;
        if (absl::Status loaded = LoadMap(values, "env_config", ConfigOf(config)); !loaded.ok()) {
          return loaded;
        }
        return std::make_unique<EquippedEnv>(config, gate);
      });
}

}  // namespace armature
