// What every wrapper does with the executed action: gives it in the terms of its own action, or
// says that it has none.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/config/config.h"
#include "envserver/kit/register_task.h"
#include "envserver/kit/task.h"
#include "envserver/kit/task_builder.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/observation_fields.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

constexpr float kLow[] = {-2, 0};
constexpr float kHigh[] = {2, 1};

// What the innermost environment was last asked for.
std::array<float, 2> g_asked;

// Has a world, and executes a share of its action.
class Sluggish : public Task {
 public:
  struct Config {
    double executes = 1;
    void Visit(ConfigVisitor& v) { v.Field("executes", executes, "Share of the action."); }
  };

  explicit Sluggish(const Config& config) : executes_(config.executes) {}

  void Build(TaskBuilder& task) override {
    task.SetTime(/*physics_step_s=*/0.01, /*physics_steps=*/1, /*horizon_s=*/1);
    BodyOptions options;
    options.name = "box";
    task.world().AddBox({0.2, 0.3, 0.4}, /*mass=*/2, options);
    task.SetAction({kLow[0], kLow[1]}, {kHigh[0], kHigh[1]});
    task.ReportsExecutedAction();
    orientation_ = task.AddField("orientation", 4, -1, 1);
    velocity_ = task.AddField("velocity", 3, -1, 1);
    task.SetRewardBounds(0, 0);
  }
  void Reset() override {}
  void Act(absl::Span<const float> action) override {
    std::copy(action.begin(), action.end(), g_asked.begin());
  }
  void Observe(ObservationWriter& out) override {
    out.Write(orientation_, {0, 0, 0, 1});
    out.Write(velocity_, {0.5, 0, 0});
  }
  void ExecutedAction(absl::Span<float> out) override {
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(executes_) * g_asked[i];
  }

 private:
  const double executes_;
  Field orientation_, velocity_;
};

EnvRegistry Registry() {
  EnvRegistry registry;
  absl::Status status = RegisterBuiltinWrappers(registry);
  status.Update(RegisterTask<Sluggish>(registry, "sluggish", "Does a part of what is asked."));
  EXPECT_TRUE(status.ok()) << status;
  return registry;
}

// Keys of the wrappers whose defaults would not do.
EnvConfig KeysOf(const std::string& wrapper) {
  if (wrapper == "action_noise") return {{"action_noise.amplitude", "0"}};  // To ask twice alike.
  if (wrapper == "push") return {{"push.body", "box"}};
  if (wrapper == "randomize") return {{"randomize.mass_factor.box", "uniform(0.8, 1.2)"}};
  if (wrapper == "observation_noise") return {{"observation_noise.amplitude", "0.1"}};
  if (wrapper == "frame") {
    return {{"frame.quaternion", "orientation"}, {"frame.vectors", "[velocity]"}};
  }
  if (wrapper == "camera") return {{"camera.width_px", "8"}, {"camera.height_px", "8"}};
  return {};
}

// Wrappers whose actions mean something else; they say that they report none.
bool IsSilent(const std::string& wrapper) { return wrapper == "latency"; }

// Wrappers that do not take this environment. Each has a test of its own of what it reports.
bool IsTestedElsewhere(const std::string& wrapper) {
  return wrapper == "collision_prevention" || wrapper == "ik_position_delta" ||  // An arm's.
         wrapper == "action_imitation_reward" || wrapper == "state_imitation_reward";
}

// Makes the environment in `wrapper`, and one step of it.
class Stepped {
 public:
  Stepped(const std::string& wrapper, const std::string& share) {
    EnvConfig config = KeysOf(wrapper);
    config["wrappers"] = absl::StrCat("[", wrapper, "]");
    config["executes"] = share;
    auto made = Registry().Make("sluggish", config);
    EXPECT_TRUE(made.ok()) << made.status()
                           << "\ngive it keys in KeysOf, or name it in IsTestedElsewhere";
    if (!made.ok()) return;
    env_ = *std::move(made);
    memory_ = std::make_unique<ObservationMemory>(env_->spec().observation);
  }
  Env* env() { return env_.get(); }
  // Returns what was executed.
  std::vector<float> Step(const std::vector<float>& action) {
    env_->Reset(1, memory_->observation());
    env_->Step(action, memory_->observation());
    std::vector<float> executed(env_->spec().action.size());
    env_->ReadExecutedAction(absl::MakeSpan(executed));
    return executed;
  }

 private:
  std::unique_ptr<Env> env_;
  std::unique_ptr<ObservationMemory> memory_;
};

// A policy that asks for what was executed gets just that done.
TEST(ExecutedActionTest, EveryWrapperGivesItInItsOwnTermsOrDropsIt) {
  for (const std::string& wrapper : Registry().wrapper_names()) {
    if (IsTestedElsewhere(wrapper)) continue;
    SCOPED_TRACE(wrapper);
    Stepped half(wrapper, "0.5"), full(wrapper, "1");
    if (half.env() == nullptr) continue;
    const EnvSpec& spec = half.env()->spec();
    EXPECT_EQ(spec.reports_executed_action, !IsSilent(wrapper));
    if (!spec.reports_executed_action) continue;
    for (const double share : {0.0, 0.3, 1.0}) {
      std::vector<float> action;
      for (size_t i = 0; i < spec.action.low.size(); ++i) {
        action.push_back(static_cast<float>(spec.action.low[i] +
                                            share * (spec.action.high[i] - spec.action.low[i])));
      }
      const std::vector<float> executed = half.Step(action);
      const std::array<float, 2> asked = g_asked;
      EXPECT_EQ(FindOutOfBounds(spec.action, executed), -1);
      full.Step(executed);
      EXPECT_THAT(g_asked,
                  ElementsAre(FloatNear(asked[0] / 2, 1e-5f), FloatNear(asked[1] / 2, 1e-5f)))
          << "share " << share;
      EXPECT_THAT(full.Step(action), Pointwise(FloatNear(1e-5f), action));
    }
  }
}

}  // namespace
}  // namespace armature
