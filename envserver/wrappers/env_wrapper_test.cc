// How wrappers are composed from a config, and what every one of them does.
#include "envserver/wrappers/env_wrapper.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/register_wrapper.h"
#include "envserver/wrappers/testing/wrapped.h"
#include "envserver/wrappers/testing/wrapped_envs.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A user's own: adds a random number and a parameter to the reward.
class Bonus : public EnvWrapper {
 public:
  struct Config {
    double noise = 0;
    void Visit(ConfigVisitor& v) { v.Field("noise", noise, "Of the bonus.", AtLeast(0)); }
  };

  Bonus(std::unique_ptr<Env> env, int place, const Config& config)
      : EnvWrapper(std::move(env), place),
        noise_(config.noise),
        bonus_(AddParameter({"bonus", 0, 100, 1})) {}

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    StepResult step = inner().Step(action, observation);
    step.reward += static_cast<float>(parameter(bonus_) + noise_ * rng().Uniform(-1, 1));
    return step;
  }

 private:
  const double noise_;
  const int bonus_;
};

EnvRegistry MyRegistry() {
  EnvRegistry registry;
  absl::Status status = RegisterBuiltinWrappers(registry);
  status.Update(RegisterWrappedEnvs(registry));
  status.Update(RegisterWrapper<Bonus>(registry, "bonus", "Adds a bonus."));
  status.Update(RegisterWrapper<Bonus>(registry, "other_bonus", "Adds another."));
  EXPECT_TRUE(status.ok()) << status;
  return registry;
}

struct Made {
  explicit Made(const EnvConfig& config, const std::string& env_id = "scripted")
      : env(std::move(MyRegistry().Make(env_id, config)).value()), memory(env->spec().observation) {
    env->Reset(1, memory.observation());
  }
  float Reward() { return env->Step({0, 0}, memory.observation()).reward; }

  std::unique_ptr<Env> env;
  ObservationMemory memory;
};

TEST(ComposeTest, TheFirstInTheListIsTheInnermost) {
  const EnvConfig keys = {{"rescale_reward.scale", "0.5"}, {"clip_reward.high", "3"}};
  const auto tenth_reward = [&keys](const std::string& wrappers) {
    EnvConfig config = keys;
    config["wrappers"] = wrappers;
    Wrapped env("scripted", config);
    env.Reset();
    for (int t = 0; t < 9; ++t) env.Step({0, 0});
    return env.Step({0, 0}).reward;
  };
  EXPECT_EQ(tenth_reward("[rescale_reward, clip_reward]"), 3);
  EXPECT_EQ(tenth_reward("[clip_reward, rescale_reward]"), 1.5);
}

TEST(ComposeTest, NestedMapsAreDottedKeys) {
  for (const EnvConfig& config :
       std::vector<EnvConfig>{{{"wrappers", "[history, observation_noise]"},
                               {"history", "{steps: 2, fields: [state]}"},
                               {"observation_noise", "{fields: {state: 1, velocity: [1, 2, 3]}}"}},
                              {{"wrappers", "[history, observation_noise]"},
                               {"history.steps", "2"},
                               {"history.fields", "[state]"},
                               {"observation_noise.fields", "{state: 1, velocity: [1, 2, 3]}"}},
                              {{"wrappers", "[history, observation_noise]"},
                               {"history", "{steps: 2, fields: [state]}"},
                               {"observation_noise.fields.state", "1"},
                               {"observation_noise.fields.velocity", "[1, 2, 3]"}}}) {
    Wrapped env("scripted", config);
    EXPECT_THAT(env.field("state").shape, ElementsAre(2, 2));
    EXPECT_THAT(env.field("velocity").high, ElementsAre(6, 7, 8));
  }
}

TEST(ComposeTest, WhatIsWrongIsOneSentenceWithTheNamesThereAre) {
  const auto error = [](const EnvConfig& config) {
    return std::string(MyRegistry().Make("scripted", config).status().message());
  };
  EXPECT_THAT(error({{"wrappers", "[latancy]"}}),
              AllOf(HasSubstr("env_config: unknown wrapper 'latancy'; did you mean 'latency'? "),
                    HasSubstr("action_noise, action_repeat, bonus, ")));
  EXPECT_EQ(error({{"wrappers", "[latency, history, latency]"}}),
            "env_config: wrappers lists 'latency' twice");
  EXPECT_EQ(error({{"wrappers", "[history]"}, {"latency.action_steps", "1"}}),
            "env_config: 'latency.action_steps' is a key of the wrapper 'latency', and wrappers "
            "lists only history");
  EXPECT_EQ(error({{"latency", "{action_steps: 1}"}}),
            "env_config: 'latency.action_steps' is a key of the wrapper 'latency', and wrappers "
            "lists none");
  EXPECT_EQ(error({{"wrappers", "[latency]"}, {"latency.action_step", "1"}}),
            "env_config: wrapper latency: unknown key 'action_step'; did you mean "
            "'action_steps'?");
  EXPECT_THAT(error({{"wrappers", "[latency]"}, {"latency.action_steps", "-1"}}),
              HasSubstr("env_config: wrapper latency: action_steps: expected at least 0"));
  EXPECT_THAT(error({{"wrappers", "latency"}}), HasSubstr("wrappers: expected a list of words"));
  EXPECT_THAT(error({{"wrapers", "[latency]"}}), HasSubstr("unknown key 'wrapers'"));
}

TEST(ComposeTest, AnEnvironmentsOwnKeysMayLookLikeAWrappers) {
  EnvRegistry registry = MyRegistry();
  struct Keys {
    double scale = 0;
    void Visit(ConfigVisitor& v) { v.Field("scale", scale, "Of the frame."); }
  };
  struct Config {
    Keys frame;
    void Visit(ConfigVisitor& v) { v.Section("frame", frame, "Its own."); }
  };
  EnvConfig seen;
  ASSERT_TRUE(registry
                  .Register(
                      "framed", "Has a frame.",
                      [&seen](const EnvConfig& config) {
                        seen = config;
                        return MyRegistry().Make("scripted", {});
                      },
                      [] {
                        Config config;
                        return DescribeKeys(ConfigOf(config));
                      })
                  .ok());
  EXPECT_EQ(registry.Make("framed", {{"frame.scale", "2"}}).status().code(),
            absl::StatusCode::kFailedPrecondition);  // It calls itself "scripted".
  EXPECT_EQ(seen, (EnvConfig{{"frame.scale", "2"}}));
  EXPECT_EQ(registry.Make("framed", {{"frame.vectors", "[a]"}}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ComposeTest, NamesAreTakenOnceAndKeysAreDescribed) {
  EnvRegistry registry = MyRegistry();
  EXPECT_EQ(RegisterWrapper<Bonus>(registry, "bonus", "").code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(RegisterWrapper<Bonus>(registry, "my.bonus", "").code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_EQ(registry.wrapper_keys("bonus").size(), 1);
  EXPECT_EQ(registry.wrapper_keys("bonus")[0].key, "bonus.noise");
  EXPECT_EQ(registry.wrapper_description("bonus"), "Adds a bonus.");
  EXPECT_TRUE(registry.wrapper_keys("none").empty());
}

TEST(EnvWrapperTest, ParametersGoWhereTheyBelongAndHoldFromTheNextEpisode) {
  Made made(EnvConfig{{"wrappers", "[bonus]"}});
  ASSERT_EQ(made.env->spec().parameters.size(), 2);
  EXPECT_EQ(made.env->spec().parameters[1].name, "bonus");
  EXPECT_EQ(made.Reward(), 1 + 1);
  made.env->SetParameters({0.5, 40});
  EXPECT_EQ(made.Reward(), 2 + 1);
  made.env->Reset(1, made.memory.observation());
  EXPECT_EQ(made.Reward(), 1 + 40);
  // Two wrappers cannot both have it.
  const absl::Status twice =
      MyRegistry().Make("scripted", {{"wrappers", "[bonus, other_bonus]"}}).status();
  EXPECT_EQ(twice.message(),
            "env_config: wrapper other_bonus: scripted has a parameter 'bonus' already");
}

TEST(EnvWrapperTest, RandomNumbersDependOnTheSeedAndThePlaceAlone) {
  const auto first_reward = [](const std::string& wrappers, uint64_t seed, int episodes_before) {
    Made made(EnvConfig{{"wrappers", wrappers}, {"bonus.noise", "0.5"}});
    for (int i = 0; i < episodes_before; ++i) made.Reward();
    made.env->Reset(seed, made.memory.observation());
    return made.Reward();
  };
  const float reward = first_reward("[bonus]", 5, 0);
  EXPECT_EQ(first_reward("[bonus]", 5, 3), reward);
  EXPECT_EQ(first_reward("[bonus, time_feature]", 5, 0), reward);
  EXPECT_NE(first_reward("[bonus]", 6, 0), reward);
  EXPECT_NE(first_reward("[time_feature, bonus]", 5, 0), reward) << "the same numbers as inside";
}

TEST(EnvWrapperTest, TheEnvironmentsOwnRandomNumbersStayTheSame) {
  Wrapped bare("tumbling_box", {});
  Wrapped noisy("tumbling_box",
                {{"wrappers", "[observation_noise]"}, {"observation_noise.fields.mass", "1"}});
  bare.Reset(3);
  noisy.Reset(3);
  EXPECT_EQ(bare.Floats("velocity"), noisy.Floats("velocity"));
  EXPECT_NE(bare.Floats("mass"), noisy.Floats("mass"));
}

TEST(EnvWrapperTest, ASavedStateHasTheGeneratorAndTheParameters) {
  const EnvConfig config = {{"wrappers", "[bonus, latency]"}, {"bonus.noise", "0.5"}};
  Made made(config);
  made.env->SetParameters({0.5, 40});
  made.env->Reset(9, made.memory.observation());
  made.Reward();
  std::string state;
  ASSERT_TRUE(made.env->SaveState(&state).ok());
  const std::vector<float> expected = {made.Reward(), made.Reward()};
  EXPECT_NEAR(expected[0], 42, 0.5);
  Made other(config);
  ASSERT_TRUE(other.env->RestoreState(state).ok());
  EXPECT_EQ((std::vector<float>{other.Reward(), other.Reward()}), expected);
  // The state of another stack, or a damaged one, changes nothing.
  const EnvConfig alone = {{"wrappers", "[bonus]"}, {"bonus.noise", "0.5"}};
  Made another(alone);
  const float before = Made(alone).Reward();
  EXPECT_EQ(another.env->RestoreState(state).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(another.env->RestoreState(state.substr(1)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(another.Reward(), before);
}

}  // namespace
}  // namespace armature
