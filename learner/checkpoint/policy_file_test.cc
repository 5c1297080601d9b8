#include "learner/checkpoint/policy_file.h"

#include <limits>

#include "ATen/ATen.h"
#include "common/policy/policy_wire.h"
#include "common/spec/env_spec.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

EnvSpec CompleteSpec() {
  const double inf = std::numeric_limits<double>::infinity();
  EnvSpec spec;
  spec.id = "everything";
  spec.observation = {{"joints", v1::DTYPE_FLOAT64, {2, 3}, {-inf}, {inf}},
                      {"goal", v1::DTYPE_FLOAT32, {3}, {}, {}},
                      {"reached", v1::DTYPE_FLOAT32, {3}, {-1}, {1}},
                      {"clock", v1::DTYPE_INT64, {}, {0}, {10}}};
  spec.action = ActionSpec{{-2, 0.1}, {2, 0.3}};
  spec.goal = GoalSpec{"reached", "goal"};
  spec.horizon = 50;
  spec.control_period_s = 0.04;
  spec.reward_low = -1;
  spec.render = RenderSpec{64, 48};
  spec.reports_success = true;
  return spec;
}

TensorFile FileFor(const EnvSpec& env) {
  v1::PolicySpec policy;
  policy.set_head(v1::PolicySpec::HEAD_CATEGORICAL);
  policy.add_hidden_sizes(8);
  policy.set_activation(v1::PolicySpec::ACTIVATION_TANH);
  policy.set_observation_size(env.observation_size());
  policy.set_action_size(env.action.policy_size());
  v1::PolicyUpdate counters;
  counters.set_version(7);
  counters.set_env_steps(800);
  counters.set_learner_steps(90);
  return MakePolicyFile("run", env, policy, counters, {{"actor.0.bias", at::ones({8})}});
}

TEST(PolicyFileTest, HoldsTheWholeSpecsAsProtobufJson) {
  EnvSpec discrete = CompleteSpec();
  discrete.action = {};
  discrete.action.choices = {3};
  for (const EnvSpec& env : {CompleteSpec(), discrete}) {
    const TensorFile file = FileFor(env);
    v1::EnvSpec env_proto;
    ASSERT_TRUE(
        google::protobuf::util::JsonStringToMessage(file.metadata.at("env"), &env_proto).ok());
    EXPECT_EQ(DescribeDifference(env, EnvSpec::FromProto(env_proto).value()), "");
    v1::PolicySpec policy;
    ASSERT_TRUE(
        google::protobuf::util::JsonStringToMessage(file.metadata.at("policy"), &policy).ok());
    EXPECT_EQ(policy.head(), v1::PolicySpec::HEAD_CATEGORICAL);
    EXPECT_EQ(policy.observation_size(), 13u);
    EXPECT_EQ(policy.action_size(), env.action.policy_size());
  }
}

// What docs/policy_file.md promises to readers without protobuf.
TEST(PolicyFileTest, HasTheDocumentedKeysAndSpelling) {
  const TensorFile file = FileFor(CompleteSpec());
  auto metadata = file.metadata;
  const std::string env = metadata.at("env"), policy = metadata.at("policy");
  metadata.erase("env");
  metadata.erase("policy");
  EXPECT_THAT(metadata,
              UnorderedElementsAre(Pair("kind", "armature policy"), Pair("format_version", "1"),
                                   Pair("run_id", "run"), Pair("env_id", "everything"),
                                   Pair("policy_version", "7"), Pair("env_steps", "800"),
                                   Pair("learner_steps", "90")));
  EXPECT_THAT(env, HasSubstr(R"("dtype":"DTYPE_FLOAT64","shape":[2,3],"low":["-Infinity"])"));
  EXPECT_THAT(env, HasSubstr(R"("action":{"box":{"size":2,"low":[-2,0.1],"high":[2,0.3]}})"));
  EXPECT_THAT(policy, HasSubstr(R"("head":"HEAD_CATEGORICAL","hiddenSizes":[8])"));
  EXPECT_THAT(policy, Not(HasSubstr("normalizeObservation"))) << "defaults are left out";
}

TEST(PolicyFileTest, IsReadAsItWasWritten) {
  const std::string path = testing::TempDir() + "/policy.safetensors";
  ASSERT_TRUE(FileFor(CompleteSpec()).Write(path).ok());
  const auto read = ReadPolicyFile(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->run_id, "run");
  EXPECT_EQ(DescribeDifference(CompleteSpec(), read->env), "");
  EXPECT_EQ(read->policy.head(), v1::PolicySpec::HEAD_CATEGORICAL);
  EXPECT_EQ(read->weights.version(), 7u);
  EXPECT_EQ(read->weights.env_steps(), 800u);
  EXPECT_EQ(read->weights.learner_steps(), 90u);
  const auto tensors = DecodePolicy(read->weights);
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  EXPECT_EQ((*tensors)[0].first, "actor.0.bias");
  EXPECT_TRUE(at::equal((*tensors)[0].second, at::ones({8})));
}

TEST(PolicyFileTest, WhatIsNoPolicySaysWhyAndWhere) {
  const std::string path = testing::TempDir() + "/other.safetensors";
  const struct {
    const char *key, *value, *message;
  } cases[] = {{"kind", "armature checkpoint", "but 'armature checkpoint' of format '1'"},
               {"format_version", "2", "of format '2'"},
               {"env", "{", "its 'env' is malformed"},
               {"policy", "[]", "its 'policy' is malformed"},
               {"env_steps", "many", "its 'env_steps' is 'many', no number"}};
  for (const auto& each : cases) {
    TensorFile file = FileFor(CompleteSpec());
    file.metadata[each.key] = each.value;
    ASSERT_TRUE(file.Write(path).ok());
    EXPECT_THAT(ReadPolicyFile(path).status().message(),
                AllOf(HasSubstr(path), HasSubstr(each.message)));
  }
}

}  // namespace
}  // namespace armature
