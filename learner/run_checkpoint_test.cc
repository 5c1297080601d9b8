#include "learner/run_checkpoint.h"

#include <limits>

#include "ATen/ATen.h"
#include "common/spec/env_spec.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;
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

TensorFile PolicyFile(const EnvSpec& env) {
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

TEST(PolicyFile, HoldsTheWholeSpecsAsProtobufJson) {
  EnvSpec discrete = CompleteSpec();
  discrete.action = {};
  discrete.action.num_choices = 3;
  for (const EnvSpec& env : {CompleteSpec(), discrete}) {
    const TensorFile file = PolicyFile(env);
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
TEST(PolicyFile, HasTheDocumentedKeysAndSpelling) {
  const TensorFile file = PolicyFile(CompleteSpec());
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

TEST(RunCheckpoint, ComesBackAsItWas) {
  RunCheckpoint checkpoint;
  checkpoint.run_id = "run";
  checkpoint.env = CompleteSpec();
  checkpoint.counters.env_steps = 12;
  checkpoint.counters.wall_s = 1.5;
  checkpoint.acknowledged[{"actor-0", 99}] = 4;
  checkpoint.state = {{"x", at::ones({2})}};
  const RunCheckpoint back = RunCheckpoint::FromFile(checkpoint.ToFile()).value();
  EXPECT_EQ(back.run_id, "run");
  EXPECT_EQ(DescribeDifference(checkpoint.env, back.env), "");
  EXPECT_EQ(back.counters.env_steps, 12u);
  EXPECT_EQ(back.counters.wall_s, 1.5);
  EXPECT_EQ(back.acknowledged, checkpoint.acknowledged);
  ASSERT_EQ(back.state.size(), 1u);
  EXPECT_TRUE(at::equal(back.state[0].second, at::ones({2})));
}

TEST(RunCheckpoint, APolicyFileIsNone) {
  EXPECT_THAT(RunCheckpoint::FromFile(PolicyFile(CompleteSpec())).status().message(),
              HasSubstr("but 'armature policy' of format '1'"));
}

}  // namespace
}  // namespace armature
