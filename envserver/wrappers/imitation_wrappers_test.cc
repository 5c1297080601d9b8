// action_imitation_reward, state_imitation_reward and their experts.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/safetensors/safetensors.h"
#include "common/spec/env_spec.h"
#include "envserver/wrappers/expert_policy.h"
#include "envserver/wrappers/imitation.h"
#include "envserver/wrappers/testing/wrapped.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Writes safetensors files.
class File {
 public:
  explicit File(const std::string& name)
      : path_(absl::StrCat(testing::TempDir(), "/", name, "_", getpid(), ".safetensors")) {}

  File& Text(const std::string& key, const std::string& value) {
    metadata_[key] = value;
    return *this;
  }
  File& Floats(const std::string& name, std::vector<int64_t> shape,
               const std::vector<float>& values) {
    return Add(name, "F32", std::move(shape), values.data(), values.size() * sizeof(float));
  }
  File& Bytes(const std::string& name, const std::vector<uint8_t>& values) {
    return Add(name, "U8", {static_cast<int64_t>(values.size())}, values.data(), values.size());
  }
  // Returns the path.
  std::string Write() {
    std::vector<StoredTensor> tensors;
    for (const auto& tensor : tensors_) {
      tensors.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.bytes});
    }
    const auto head = SafetensorsHead(metadata_, tensors);
    EXPECT_TRUE(head.ok()) << head.status();
    std::ofstream out(path_, std::ios::binary);
    out << *head;
    for (const auto& tensor : tensors_) out << tensor.bytes;
    return path_;
  }

 private:
  struct Tensor {
    std::string name, dtype;
    std::vector<int64_t> shape;
    std::string bytes;
  };
  File& Add(const std::string& name, const std::string& dtype, std::vector<int64_t> shape,
            const void* values, size_t bytes) {
    tensors_.push_back(
        {name, dtype, std::move(shape), std::string(static_cast<const char*>(values), bytes)});
    return *this;
  }

  std::string path_;
  std::map<std::string, std::string> metadata_;
  std::vector<Tensor> tensors_;
};

// Two episodes of "tumbling_box" as far as experts look; the second begins where the box begins in
// the floating one. Positions: 9, 9 ... and 0.1 t.
std::string Demonstrations(const std::string& name) {
  File file(name);
  file.Text("kind", "armature demonstrations").Text("format_version", "1");
  Wrapped env("tumbling_box", {{"floats", "true"}});
  env.Reset();
  constexpr int64_t kSteps = 6;  // 3 and 3.
  for (const char* prefix : {"observation", "next_observation"}) {
    const int later = std::string(prefix) == "observation" ? 0 : 1;
    for (const FieldSpec& field : env.spec().observation) {
      std::vector<float> values;
      for (int64_t t = 0; t < kSteps; ++t) {
        for (double value : env.Floats(field.name)) values.push_back(static_cast<float>(value));
        if (field.name != "position") continue;
        values[values.size() - 3] = t < 3 ? 9 : 0.1f * static_cast<float>(t - 3 + later);
      }
      file.Floats(absl::StrCat(prefix, ".", field.name), {kSteps, field.size()}, values);
    }
  }
  file.Floats("action", {kSteps, 2}, {5, 5, 5, 5, 5, 5, 1, 0, 2, 0, 3, 0});
  file.Floats("reward", {kSteps}, std::vector<float>(kSteps, 0));
  file.Bytes("terminated", {0, 0, 0, 0, 0, 0});
  file.Bytes("truncated", {0, 0, 1, 0, 0, 1});
  return file.Write();
}

EnvConfig Box(const std::string& wrapper, const std::string& path, EnvConfig keys = {}) {
  EnvConfig config = {{"floats", "true"},
                      {"wrappers", "[" + wrapper + "]"},
                      {wrapper + ".expert.type", "recorded"},
                      {wrapper + ".expert.path", path}};
  for (const auto& [key, value] : keys) config[wrapper + "." + key] = value;
  return config;
}

EnvConfig Arm(const std::string& wrapper, EnvConfig keys = {}) {
  EnvConfig config = {{"wrappers", "[" + wrapper + "]"}};
  if (wrapper == "state_imitation_reward") {
    config[wrapper + ".motion"] = "[tool]";
    config[wrapper + ".gripper"] = "[gripper]";
  }
  config[wrapper + ".expert.goal"] = "[target]";
  for (const auto& [key, value] : keys) config[wrapper + "." + key] = value;
  return config;
}

TEST(SimilarityTest, IsOneAtZeroAndHalfAtIota) {
  for (const std::string kind : {"gaussian", "tanh"}) {
    EXPECT_DOUBLE_EQ(Similarity(kind, 0, 0.1), 1);
    EXPECT_NEAR(Similarity(kind, 0.1, 0.1), 0.5, 1e-12);
  }
  EXPECT_NEAR(Similarity("gaussian", 0.2, 0.1), 1.0 / 16, 1e-12);
  EXPECT_NEAR(Similarity("gaussian", 0.3, 0.1), 1.0 / 512, 1e-12);
  // tanh 2a = 2 tanh a / (1 + tanh^2 a), with tanh a = 1/2.
  EXPECT_NEAR(Similarity("tanh", 0.2, 0.1), 1 - 0.8, 1e-12);
}

TEST(ActionImitationRewardTest, IsTheFormulaOfTheDistanceToTheDemonstratedAction) {
  const std::string path = Demonstrations("action");
  Wrapped env("tumbling_box", Box("action_imitation_reward", path, {{"gripper", "[1]"}}));
  env.Reset();
  // The task pays 0: the box is at rest. Demonstrated: (1, 0).
  env.Step({1, 0});
  EXPECT_FLOAT_EQ(env.Metrics()[env.spec().metrics.size() - 2], 1);
  // Demonstrated: (2, 0). d = 0.2 and 0.25: 2^-4 and 2^-1.
  const StepResult step = env.Step({2.2f, 0.25f});
  const double imitation = 0.5 / 16 + 0.5 * 0.5;
  const std::vector<float> metrics = env.Metrics();
  const float task = metrics.back();
  EXPECT_LT(task, 0);
  EXPECT_NEAR(metrics[metrics.size() - 2], imitation, 1e-5);
  EXPECT_NEAR(step.reward, 0.25 * imitation + 0.75 * task, 1e-5);
  env.Step({3, 0});
  // After the demonstration's end there is nothing to be like.
  const StepResult after = env.Step({3, 0});
  EXPECT_NEAR(after.reward, 0.75 * env.Metrics().back(), 1e-6);
  EXPECT_EQ(env.Metrics()[env.spec().metrics.size() - 2], 0);
}

TEST(ActionImitationRewardTest, WithoutAGripperTheMotionIsAll) {
  const std::string path = Demonstrations("motion");
  Wrapped env("tumbling_box", Box("action_imitation_reward", path,
                                  {{"alpha", "1"}, {"beta", "0"}, {"similarity", "tanh"}}));
  EXPECT_EQ(env.spec().reward_low, 0);
  EXPECT_EQ(env.spec().reward_high, 1);
  env.Reset();
  // From (1, 0): 0.06 and 0.08, which is 0.1.
  EXPECT_NEAR(env.Step({1.06f, 0.08f}).reward, 0.5, 1e-5);
}

TEST(ActionImitationRewardTest, TheScriptedExpertReachesTheGoalAndIsPaidInFull) {
  for (const std::string goal : {"false", "true"}) {
    EnvConfig config = Arm("action_imitation_reward", {{"alpha", "1"}, {"beta", "0.5"}});
    config["goal"] = goal;
    Wrapped env("exact_arm", config);
    env.Reset(3);
    EXPECT_LT(env.Step({1, 1, 1, 1, 1, 1, 1}).reward, 0.01);
    // The gripper's half, at rest.
    EXPECT_NEAR(env.Step({1, 1, 1, 1, 1, 1, 0}).reward, 0.5, 0.01);
  }
}

TEST(ExpertTest, TheScriptedOneGoesStraightToTheGoal) {
  EnvConfig config = Arm("state_imitation_reward", {{"alpha", "1"}, {"reference_start", "1"}});
  Wrapped env("exact_arm", config);
  double nearest = 1e9;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    env.Reset(seed);  // The expert has played up to some step.
    const std::vector<double> tool = env.Floats("tool"), target = env.Floats("target");
    double square = 0;
    for (int i = 0; i < 3; ++i) square += std::pow(tool[i] - target[i], 2);
    if (env.Floats("demonstration_phase")[0] > 0.7) nearest = std::min(nearest, square);
  }
  EXPECT_LT(std::sqrt(nearest), 1e-3);
}

TEST(ActionImitationRewardTest, AGoalsRewardIsOfTheOtherGoalAndTheSameImitation) {
  EnvConfig config = {{"wrappers", "[action_imitation_reward]"}, {"goal", "true"}};
  Wrapped env("exact_arm", config);
  ASSERT_EQ(env.spec().goal->extra_size(), 2);
  env.Reset();
  const StepResult step = env.Step({0.1f, 0, 0, 0, 0, 0, 0.1f});
  std::vector<float> extra(2);
  env.env().ReadGoalExtra(absl::MakeSpan(extra));
  EXPECT_GT(extra[0], 0);
  std::vector<float> achieved, desired;
  for (double value : env.Floats("tool")) achieved.push_back(static_cast<float>(value));
  for (double value : env.Floats("target")) desired.push_back(static_cast<float>(value));
  float reward = 0;
  uint8_t terminated = 9;
  const auto compute = [&] {
    return env.env().ComputeReward({achieved, desired, extra}, absl::MakeSpan(&reward, 1),
                                   absl::MakeSpan(&terminated, 1));
  };
  ASSERT_TRUE(compute().ok());
  EXPECT_EQ(reward, step.reward);
  desired = achieved;
  ASSERT_TRUE(compute().ok());
  EXPECT_FLOAT_EQ(reward, 0.25f * extra[0]);
  EXPECT_EQ(terminated, 1);
}

TEST(StateImitationRewardTest, ComparesWithTheDemonstrationAfterAsManySteps) {
  const std::string path = Demonstrations("state");
  Wrapped env("tumbling_box",
              Box("state_imitation_reward", path,
                  {{"motion", "[\"position[0:1]\"]"}, {"alpha", "0.5"}, {"iota_motion", "0.1"}}));
  env.Reset();
  EXPECT_THAT(env.Floats("demonstration_phase"), ElementsAre(0));
  // The box stays at x = 0; the demonstrated one is at 0.1, 0.2, 0.3 and stays there.
  const double expected[] = {1.0 / 2, 1.0 / 16, 1.0 / 512, 1.0 / 512};
  for (int t = 0; t < 4; ++t) {
    const StepResult step = env.Step({0, 0});
    EXPECT_NEAR(step.reward, 0.5 * expected[t], 1e-5) << t;
    EXPECT_FALSE(step.terminated);
    EXPECT_NEAR(env.Floats("demonstration_phase")[0], std::min((t + 1) / 3.0, 1.0), 1e-6);
  }
}

TEST(StateImitationRewardTest, TheGripperHasItsOwnIotaAndBeta) {
  const std::string path = Demonstrations("gripper");
  Wrapped env("tumbling_box", Box("state_imitation_reward", path,
                                  {{"motion", "[\"position[1:3]\"]"},
                                   {"gripper", "[\"position[0]\"]"},
                                   {"beta", "0.75"},
                                   {"alpha", "1"}}));
  env.Reset();
  // Motions agree; 0.1 of iota_gripper 0.25.
  EXPECT_NEAR(env.Step({0, 0}).reward, 0.75 + 0.25 * std::exp2(-0.16), 1e-5);
}

TEST(StateImitationRewardTest, EndsEarlyWhereItIsTooFarOff) {
  const std::string path = Demonstrations("early");
  Wrapped env("tumbling_box", Box("state_imitation_reward", path,
                                  {{"motion", "[\"position[0:1]\"]"}, {"early_end", "1.5"}}));
  env.Reset();
  EXPECT_FALSE(env.Step({0, 0}).terminated);  // 0.1
  EXPECT_EQ(env.Metrics().back(), 0);
  EXPECT_TRUE(env.Step({0, 0}).terminated);  // 0.2 > 1.5 x 0.1
  EXPECT_EQ(env.Metrics().back(), 1);
}

TEST(StateImitationRewardTest, TheExpertsEpisodeIsPlayedAtTheResetAndLeavesNoTrace) {
  Wrapped env("exact_arm", Arm("state_imitation_reward"));
  Wrapped bare("exact_arm", {});
  for (uint64_t seed : {4, 5}) {
    env.Reset(seed);
    bare.Reset(seed);
    EXPECT_EQ(env.Floats("tool"), bare.Floats("tool"));
    for (int t = 0; t < 3; ++t) {
      const std::vector<float> action = {0.1f, -0.2f, 0.3f, 0, 0, 0.1f, 1};
      env.Step(action);
      EXPECT_EQ(env.Metrics()[env.spec().metrics.size() - 2], bare.Step(action).reward);
      EXPECT_EQ(env.Floats("joints"), bare.Floats("joints"));
    }
  }
}

TEST(StateImitationRewardTest, ReferenceStartsBeginOnTheDemonstrationAndEndWithTheHorizon) {
  Wrapped env("exact_arm", Arm("state_imitation_reward", {{"reference_start", "1"}}));
  Wrapped played("exact_arm", Arm("state_imitation_reward"));
  std::map<int, int> starts;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    env.Reset(seed);
    const int start = static_cast<int>(std::lround(20 * env.Floats("demonstration_phase")[0]));
    ++starts[start];
    int steps = 0;
    StepResult step;
    do {
      step = env.Step({0, 0, 0, 0, 0, 0, 0});
      ++steps;
    } while (!step.terminated && !step.truncated && steps < 20);
    EXPECT_EQ(steps, 20 - start);
    EXPECT_EQ(step.truncated, start > 0) << "slots count the horizon from the reset";
  }
  EXPECT_GT(starts.size(), 8u);
  EXPECT_GE(starts.begin()->first, 0);
  EXPECT_LT(starts.rbegin()->first, 20);
}

TEST(StateImitationRewardTest, ASavedStateKeepsItsDemonstration) {
  const EnvConfig config = Arm("state_imitation_reward", {{"reference_start", "0.5"}});
  Wrapped env("exact_arm", config), other("exact_arm", config);
  env.Reset(11);
  other.Reset(12);
  env.Step({0.5f, 0, 0, 0, 0, 0, 1});
  std::string state;
  ASSERT_TRUE(env.env().SaveState(&state).ok());
  ASSERT_TRUE(other.env().RestoreState(state).ok());
  for (int t = 0; t < 5; ++t) {
    EXPECT_EQ(env.Step({0, 0.5f, 0, 0, 0, 0, 1}).reward,
              other.Step({0, 0.5f, 0, 0, 0, 0, 1}).reward);
    EXPECT_EQ(env.Floats("demonstration_phase"), other.Floats("demonstration_phase"));
  }
}

TEST(ImitationTest, TheExecutedActionIsTheInnerEnvironments) {
  const std::string path = Demonstrations("executed");
  for (const EnvConfig& config :
       {Box("action_imitation_reward", path),
        Box("state_imitation_reward", path, {{"motion", "[position]"}})}) {
    Wrapped env("tumbling_box", config);
    EXPECT_TRUE(env.spec().reports_executed_action);
    env.Reset();
    env.Step({5, 1});
    EXPECT_THAT(env.ExecutedAction(), ElementsAre(4, 1));
  }
}

TEST(ImitationTest, MistakesAreRefusedWithTheRemedy) {
  const std::string path = Demonstrations("mistakes");
  EXPECT_THAT(WrappedError("tumbling_box", Box("action_imitation_reward", "")),
              HasSubstr("expert.path is empty"));
  EXPECT_THAT(WrappedError("exact_arm", {{"wrappers", "[action_imitation_reward]"}}),
              HasSubstr("exact_arm has no goal of its own; expert.goal must say"));
  EXPECT_THAT(
      WrappedError("exact_arm", Arm("action_imitation_reward", {{"expert.goal", "[joints]"}})),
      HasSubstr("expert.goal has 6 elements; goal_is: tool needs 3"));
  EXPECT_THAT(WrappedError("tumbling_box", {{"wrappers", "[action_imitation_reward]"}}),
              HasSubstr("does not say which arm its actions move"));
  EXPECT_THAT(WrappedError("scripted", {{"wrappers", "[action_imitation_reward]"},
                                        {"action_imitation_reward.expert.type", "recorded"},
                                        {"action_imitation_reward.expert.path", path}}),
              HasSubstr("tensor observation.state is missing, expected F32 [6,2]"));
  EXPECT_THAT(WrappedError("tumbling_box", Box("state_imitation_reward", path)),
              HasSubstr("motion is empty"));
  EXPECT_THAT(WrappedError("tumbling_box", Box("state_imitation_reward", path,
                                               {{"motion", "[\"position[1:4]\"]"}})),
              HasSubstr("has 'position[1:4]'; field 'position' has 3 elements"));
  EXPECT_THAT(
      WrappedError("tumbling_box", Box("action_imitation_reward", path, {{"gripper", "[2]"}})),
      HasSubstr("gripper has 2; the action's components are 0 to 1"));
}

std::string Json(const google::protobuf::Message& message) {
  std::string json;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(message, &json).ok());
  return json;
}

// One field of 2 values; an action of 1 value in [-2, 4].
EnvSpec SmallSpec() {
  EnvSpec spec;
  spec.id = "small";
  spec.observation = {{"x", v1::DTYPE_FLOAT32, {2}, {}, {}}};
  spec.action = ActionSpec{{-2}, {4}, {}, {}, {}};
  spec.control_period_s = 0.1;
  return spec;
}

// A hidden layer of 2: h = act(norm(W x + b)), with x = (observed - (1, 0)) / (2, 4), clipped to
// 0.75; W = (1, 2; 0, -1), b = (0.5, 0); u = head(3 h0 + h1 - 1).
std::string Policy(v1::PolicySpec::Head head, v1::PolicySpec::Activation activation, bool norm) {
  v1::PolicySpec policy;
  policy.set_head(head);
  policy.set_activation(activation);
  policy.add_hidden_sizes(2);
  policy.set_observation_size(2);
  policy.set_action_size(1);
  policy.set_normalize_observation(true);
  policy.set_observation_clip(0.75);
  policy.set_layer_norm(norm);
  File file(absl::StrCat("policy_", head, "_", activation, "_", norm));
  file.Text("kind", "armature policy")
      .Text("format_version", "1")
      .Text("env", Json(SmallSpec().ToProto()))
      .Text("policy", Json(policy));
  file.Floats("actor.0.weight", {2, 2}, {1, 2, 0, -1}).Floats("actor.0.bias", {2}, {0.5f, 0});
  if (norm) {
    file.Floats("actor.0.norm_gain", {2}, {2, 1}).Floats("actor.0.norm_bias", {2}, {0, 0.25f});
  }
  if (head == v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN) {
    file.Floats("actor.1.weight", {2, 2}, {3, 1, 7, 7}).Floats("actor.1.bias", {2}, {-1, 7});
  } else {
    file.Floats("actor.1.weight", {1, 2}, {3, 1}).Floats("actor.1.bias", {1}, {-1});
  }
  if (head == v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN) file.Floats("actor.log_std", {1}, {0});
  file.Floats("observation_normalizer.mean", {2}, {1, 0});
  file.Floats("observation_normalizer.std", {2}, {2, 4});
  return file.Write();
}

// Of the observation (2, -8): x = (0.5, -0.75), W x + b = (-0.5, 0.75).
float ActionOf(const std::string& path) {
  ExpertPolicy policy(path, SmallSpec());
  float observed[] = {2, -8};
  Observation observation({absl::MakeSpan(reinterpret_cast<uint8_t*>(observed), sizeof(observed))});
  float action = 99;
  policy.Act(observation, absl::MakeSpan(&action, 1));
  return action;
}

float Scaled(double u) { return static_cast<float>(-2 + (u + 1) / 2 * 6); }

TEST(ExpertPolicyTest, GivesTheActionThatTheFormatDescribes) {
  const auto kTanh = v1::PolicySpec::HEAD_TANH;
  EXPECT_NEAR(ActionOf(Policy(kTanh, v1::PolicySpec::ACTIVATION_RELU, false)),
              Scaled(std::tanh(0 + 0.75 - 1)), 1e-5);
  EXPECT_NEAR(ActionOf(Policy(kTanh, v1::PolicySpec::ACTIVATION_TANH, false)),
              Scaled(std::tanh(3 * std::tanh(-0.5) + std::tanh(0.75) - 1)), 1e-5);
  EXPECT_NEAR(ActionOf(Policy(kTanh, v1::PolicySpec::ACTIVATION_ELU, false)),
              Scaled(std::tanh(3 * (std::exp(-0.5) - 1) + 0.75 - 1)), 1e-5);
  EXPECT_NEAR(ActionOf(Policy(kTanh, v1::PolicySpec::ACTIVATION_LEAKY_RELU, false)),
              Scaled(std::tanh(3 * -0.005 + 0.75 - 1)), 1e-5);
  EXPECT_NEAR(ActionOf(Policy(v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN,
                              v1::PolicySpec::ACTIVATION_RELU, false)),
              Scaled(std::tanh(-0.25)), 1e-5);
  EXPECT_NEAR(ActionOf(Policy(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN,
                              v1::PolicySpec::ACTIVATION_RELU, false)),
              Scaled(-0.25), 1e-5);
  // Out of [-1, 1]: clipped. tanh: 3 x -0.46 + 0.64 - 1 = -1.75.
  EXPECT_EQ(ActionOf(Policy(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN, v1::PolicySpec::ACTIVATION_TANH,
                            false)),
            -2);
  // Layer norm of (-0.5, 0.75): mean 0.125, deviation 0.625: (-1, 1), then (-2, 1.25).
  EXPECT_NEAR(ActionOf(Policy(kTanh, v1::PolicySpec::ACTIVATION_RELU, true)),
              Scaled(std::tanh(1.25 - 1)), 1e-4);
}

TEST(ExpertPolicyTest, APolicyOfAnotherEnvironmentIsRefused) {
  const std::string path =
      Policy(v1::PolicySpec::HEAD_TANH, v1::PolicySpec::ACTIVATION_RELU, false);
  const auto error = [&](const EnvSpec& spec) -> std::string {
    try {
      ExpertPolicy policy(path, spec);
      return "";
    } catch (const WrapperError& error) {
      return error.what();
    }
  };
  EXPECT_EQ(error(SmallSpec()), "");
  EnvSpec other = SmallSpec();
  other.observation[0].name = "y";
  EXPECT_THAT(error(other), HasSubstr("field 0 is 'x' with 2 elements; here it is 'y' with 2"));
  other = SmallSpec();
  other.action.high = {5};
  EXPECT_THAT(error(other),
              HasSubstr("action is a Box of 1; here it is a Box of 1, or its bounds"));
}

}  // namespace
}  // namespace armature
