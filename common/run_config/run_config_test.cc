#include "common/run_config/run_config.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/config/config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// Returns Validate's message for the defaults with these overrides; empty if valid.
std::string Complaint(std::initializer_list<const char*> overrides) {
  RunConfig config;
  for (const char* text : overrides) {
    const absl::Status status = ApplyOverride(text, ConfigOf(config));
    EXPECT_TRUE(status.ok()) << status;
  }
  return std::string(config.Validate().message());
}

TEST(RunConfig, TheDefaultsOfEachAlgorithmAreValid) {
  EXPECT_EQ(Complaint({"algorithm.name=ppo"}), "");
  for (const char* algorithm : {"algorithm.name=sac", "algorithm.name=tqc"}) {
    EXPECT_EQ(Complaint({algorithm, "replay.samples_per_insert_tolerance=0.2"}), "");
  }
}

TEST(RunConfig, SomeQuantilesRemainForTheTargetsOfTqc) {
  constexpr char kTqc[] = "algorithm.name=tqc";
  constexpr char kTolerance[] = "replay.samples_per_insert_tolerance=0.2";
  EXPECT_EQ(Complaint({kTqc, kTolerance, "algorithm.tqc.dropped_quantiles=24"}), "");
  EXPECT_EQ(Complaint({kTqc, kTolerance, "algorithm.tqc.dropped_quantiles=25"}),
            "algorithm.tqc.dropped_quantiles=25 leaves none of algorithm.tqc.quantiles=25");
  EXPECT_EQ(Complaint({"algorithm.name=sac", kTolerance, "algorithm.tqc.dropped_quantiles=25"}),
            "");
}

TEST(RunConfig, PpoBeginsWithADeviationThatIsNotBelowItsLeast) {
  EXPECT_EQ(Complaint({"algorithm.name=ppo", "algorithm.ppo.std_min=0.2"}), "");
  EXPECT_EQ(Complaint({"algorithm.name=ppo", "algorithm.ppo.std_min=1"}), "");
  EXPECT_EQ(Complaint({"algorithm.name=ppo", "algorithm.ppo.std_min=1.5"}),
            "algorithm.ppo.std_min=1.5 is more than the deviation at the start, 1 (exp of "
            "algorithm.ppo.initial_log_std)");
}

TEST(RunConfig, TargetsOfSacAreOfItsCritics) {
  constexpr char kTolerance[] = "replay.samples_per_insert_tolerance=0.2";
  EXPECT_EQ(Complaint({kTolerance, "algorithm.sac.critics=5", "algorithm.sac.target_critics=5"}),
            "");
  EXPECT_EQ(Complaint({kTolerance, "algorithm.sac.critics=5", "algorithm.sac.target_critics=6"}),
            "algorithm.sac.target_critics=6 is more than algorithm.sac.critics=5");
}

TEST(RunConfig, SymmetricSamplingNeedsDemonstrationsAndABatchToHalve) {
  constexpr char kTolerance[] = "replay.samples_per_insert_tolerance=0.2";
  constexpr char kMethod[] = "algorithm.demonstrations.method=symmetric";
  constexpr char kPath[] = "algorithm.demonstrations.path=reach.safetensors";
  EXPECT_EQ(Complaint({kTolerance, kMethod, kPath}), "");
  EXPECT_EQ(Complaint({kTolerance, kMethod}),
            "algorithm.demonstrations.method=symmetric needs algorithm.demonstrations.path");
  EXPECT_THAT(Complaint({kTolerance, kMethod, kPath, "algorithm.sac.batch_size=1"}),
              HasSubstr("algorithm.sac.batch_size is 1"));
  EXPECT_THAT(Complaint({kTolerance, kMethod, kPath, "algorithm.demonstrations.q_filter=true"}),
              HasSubstr("algorithm.demonstrations.q_filter=true"));
  EXPECT_THAT(Complaint({kTolerance, kMethod, kPath, "replay.prioritized.enabled=true"}),
              HasSubstr("replay.prioritized.enabled=true"));
}

TEST(RunConfig, ARunStaysBelowItsOutputDirAndIsFoundThere) {
  EXPECT_EQ(Complaint({"run.name=reach/first try, größer"}), "");
  for (const char* name : {"../x", "a/../../x", "/x", "a//b", "a/", ".", "..", "a\nb", ""}) {
    RunConfig config;
    config.run.name = name;
    EXPECT_THAT(std::string(config.Validate().message()), HasSubstr("run.name=")) << name;
  }
  EXPECT_THAT(Complaint({"run.output_dir=''"}), HasSubstr("run.output_dir is empty"));
}

TEST(RunConfig, WhatWouldWaitForEverIsRefused) {
  EXPECT_THAT(Complaint({"replay.size_min=2000", "replay.rows_max=1000"}),
              HasSubstr("replay.size_min=2000 is more than replay.rows_max=1000"));
  EXPECT_THAT(Complaint({"replay.size_min=2000", "run.total_env_steps=1500"}),
              HasSubstr("run.total_env_steps=1500"));
  EXPECT_THAT(Complaint({"replay.samples_per_insert_tolerance=0.001"}),
              HasSubstr("samples_per_insert_tolerance"));
  EXPECT_THAT(Complaint({"algorithm.sac.random_env_steps=100000"}),
              HasSubstr("algorithm.sac.random_env_steps=100000"));
  EXPECT_THAT(Complaint({"algorithm.name=td3", "algorithm.td3.random_env_steps=100000"}),
              HasSubstr("algorithm.td3.random_env_steps=100000"));
}

TEST(RunConfig, HindsightIsOfSingleSteps) {
  EXPECT_THAT(Complaint({"replay.hindsight.enabled=true", "replay.n_step=3"}),
              HasSubstr("replay.n_step=3 with replay.hindsight.enabled"));
  EXPECT_THAT(Complaint({"replay.hindsight.enabled=true", "replay.hindsight.env_servers=a:1,b"}),
              HasSubstr("replay.hindsight.env_servers: 'b'"));
}

TEST(RunConfig, GroupsMustBeEqual) {
  EXPECT_THAT(Complaint({"collect.envs_per_actor=7"}), HasSubstr("collect.envs_per_actor=7"));
}

TEST(RunConfig, AnUnrollMustFitTheSet) {
  EXPECT_THAT(Complaint({"algorithm.name=ppo", "algorithm.ppo.unroll_length=1000"}),
              HasSubstr("algorithm.ppo.unroll_length"));
  EXPECT_THAT(Complaint({"algorithm.name=ppo", "algorithm.ppo.minibatch_size=4096"}),
              HasSubstr("algorithm.ppo.minibatch_size=4096"));
}

TEST(RunConfig, AveragedGradientsNeedOneLearningRate) {
  EXPECT_THAT(Complaint({"algorithm.name=ppo", "algorithm.ppo.learning_rate_schedule=kl_adaptive",
                         "learner.replicas=2", "learner.averaging=gradients"}),
              HasSubstr("algorithm.ppo.learning_rate_schedule=kl_adaptive"));
}

TEST(RunConfig, OnlyOffPolicyAlgorithmsLearnFromExecutedActions) {
  EXPECT_THAT(Complaint({"algorithm.name=ppo", "algorithm.learn_from=executed"}),
              HasSubstr("algorithm.learn_from=executed, but algorithm.name=ppo weighs actions by "
                        "the probability"));
  for (const char* name :
       {"algorithm.name=sac", "algorithm.name=tqc", "algorithm.name=td3", "algorithm.name=ddpg"}) {
    EXPECT_EQ(Complaint({name, "algorithm.learn_from=executed"}), "");
  }
}

TEST(RunConfig, OnPolicyAlgorithmsRefuseDemonstrations) {
  const char* const path = "algorithm.demonstrations.path=a.safetensors";
  EXPECT_THAT(Complaint({"algorithm.name=ppo", path}),
              AllOf(HasSubstr("algorithm.demonstrations.path is set"),
                    HasSubstr("algorithm.name=ppo cannot learn from demonstrations")));
  EXPECT_EQ(Complaint({"algorithm.name=ddpg", path}), "");
}

TEST(RunConfig, ActorsNeedAnEnvServerToStep) {
  EXPECT_THAT(Complaint({"algorithm.name=ppo", "cluster.env_servers=0"}),
              AllOf(HasSubstr("cluster.env_servers=0"), HasSubstr("cluster.external_env_servers")));
  for (const char* external : {"a:1, b:2", "file:servers.txt", "dns:sims.local:5557"}) {
    EXPECT_EQ(Complaint({"algorithm.name=ppo", "cluster.env_servers=0",
                         absl::StrCat("cluster.external_env_servers='", external, "'").c_str()}),
              "");
  }
}

TEST(RunConfig, EnvServersStartedHereStandBesideListedOnesOnly) {
  EXPECT_EQ(Complaint({"algorithm.name=ppo", "cluster.external_env_servers=a:1,b:2"}), "");
  EXPECT_THAT(Complaint({"algorithm.name=ppo", "cluster.external_env_servers=file:servers.txt"}),
              HasSubstr("cluster.external_env_servers=file:servers.txt cannot stand beside "
                        "cluster.env_servers=1"));
}

TEST(RunConfig, AnExternalEnvServerThatIsNoAddressIsNamed) {
  EXPECT_THAT(Complaint({"algorithm.name=ppo", "cluster.external_env_servers=a:1,b"}),
              HasSubstr("cluster.external_env_servers: 'b' is not an address"));
}

TEST(RunConfig, GainsAreOfAnInitializationThatHasThem) {
  EXPECT_THAT(Complaint({"algorithm.network.hidden_gain=2"}),
              HasSubstr("algorithm.network.hidden_gain=2 with algorithm.network.initialization="
                        "default"));
  EXPECT_THAT(Complaint({"algorithm.network.policy_output_gain=0.1"}),
              HasSubstr("algorithm.network.policy_output_gain=0.1"));
  EXPECT_EQ(Complaint({"algorithm.network.hidden_gain=2", "algorithm.network.policy_output_gain=1",
                       "algorithm.network.initialization=xavier_uniform"}),
            "");
}

TEST(RunConfig, ParameterNoiseIsOfDeterministicPoliciesWithLayerNorm) {
  constexpr char kNoise[] = "algorithm.exploration.noise=parameter";
  constexpr char kLayerNorm[] = "algorithm.network.layer_norm=true";
  for (const char* algorithm : {"algorithm.name=sac", "algorithm.name=tqc", "algorithm.name=ppo"}) {
    EXPECT_THAT(Complaint({kNoise, kLayerNorm, algorithm}), HasSubstr("is for td3 and ddpg"));
  }
  for (const char* algorithm : {"algorithm.name=td3", "algorithm.name=ddpg"}) {
    EXPECT_EQ(Complaint({kNoise, kLayerNorm, algorithm}), "");
    EXPECT_EQ(Complaint({kNoise, algorithm}),
              "algorithm.exploration.noise=parameter needs algorithm.network.layer_norm=true");
    EXPECT_THAT(Complaint({kNoise, kLayerNorm, algorithm, "algorithm.exploration.noise_std=0"}),
                HasSubstr("algorithm.exploration.noise_std=0"));
  }
}

TEST(RunConfig, ATargetNeedsEvaluations) {
  for (const char* target :
       {"evaluation.stop_at_success_rate=0.9", "evaluation.stop_at_return_enabled=true"}) {
    EXPECT_THAT(Complaint({"algorithm.name=ppo", "evaluation.every_env_steps=0", target}),
                HasSubstr("evaluation.every_env_steps=0"));
  }
}

TEST(RunConfig, AReproducibleRunIsCutIntoWholeTurnsAndPeriods) {
  const char* const on = "reproducible.enabled=true";
  const char* const band = "replay.samples_per_insert_tolerance=0.2";
  EXPECT_EQ(Complaint({on, band}), "");
  EXPECT_THAT(Complaint({on, band, "reproducible.period_env_steps=9990"}),
              AllOf(HasSubstr("reproducible.period_env_steps=9990 is not a multiple of a turn's"),
                    HasSubstr("the nearest is reproducible.period_env_steps=10000")));
  EXPECT_THAT(Complaint({on, band, "run.total_env_steps=96000"}),
              HasSubstr("the nearest is run.total_env_steps=100000"));
  EXPECT_THAT(Complaint({on, band, "run.total_env_steps=2000"}),
              HasSubstr("is less than one reproducible.period_env_steps=10000; set "
                        "run.total_env_steps=10000, or a shorter period: "
                        "reproducible.period_env_steps=2000"));
  EXPECT_THAT(Complaint({on, band, "run.total_env_steps=2001"}),
              HasSubstr("a shorter period: run.total_env_steps=2000 "
                        "reproducible.period_env_steps=2000"));
  const char* const ppo = "algorithm.name=ppo";
  EXPECT_THAT(Complaint({on, ppo, "algorithm.ppo.rollout_steps=2048",
                         "algorithm.ppo.unroll_length=100", "collect.envs_per_actor=8"}),
              HasSubstr("the nearest is algorithm.ppo.rollout_steps=2400"));
  EXPECT_THAT(
      Complaint({on, ppo, "algorithm.ppo.rollout_steps=2000", "algorithm.ppo.unroll_length=125",
                 "collect.envs_per_actor=8", "reproducible.period_env_steps=5000"}),
      HasSubstr("the nearest is reproducible.period_env_steps=6000"));
}

TEST(RunConfig, AReproducibleRunRefusesWhatDoesNotRepeat) {
  for (const char* override :
       {"learner.device=cuda", "actor.device=cuda", "learner.threads=2", "actor.threads=2",
        "learner.replicas=2", "checkpoint.replay=false"}) {
    EXPECT_THAT(Complaint({"reproducible.enabled=true", override}),
                AllOf(HasSubstr(override), HasSubstr("does not repeat bit for bit")));
  }
}

TEST(RunConfig, AReproducibleRunGoesOnOnlyFromTheEndOfATurn) {
  RunConfig config;
  config.algorithm.name = "ppo";
  EXPECT_TRUE(config.ValidateResume(12345).ok()) << "other runs go on from anywhere";
  config.reproducible.enabled = true;
  config.collect.envs_per_actor = 8;
  config.algorithm.ppo.unroll_length = 128;
  config.algorithm.ppo.rollout_steps = 4096;
  EXPECT_TRUE(config.ValidateResume(8192).ok());
  EXPECT_EQ(config.ValidateResume(5120).message(),
            "the run stands at 5120 env steps, within a set of algorithm.ppo.rollout_steps=4096: "
            "with reproducible.enabled it goes on with the settings that it had only");
  config.algorithm.name = "sac";
  config.reproducible.round_length = 5;
  EXPECT_TRUE(config.ValidateResume(5120).ok());
  EXPECT_EQ(config.ValidateResume(5130).message(),
            "the run stands at 5130 env steps, within a turn of reproducible.round_length * "
            "collect.envs_per_actor * cluster.actors=40: with reproducible.enabled it goes on "
            "with the settings that it had only");
}

}  // namespace
}  // namespace armature
