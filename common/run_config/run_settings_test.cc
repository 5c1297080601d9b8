#include "common/run_config/run_settings.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::Contains;
using ::testing::Pair;

TEST(RunSettings, HasEveryKeyWithItsValue) {
  RunConfig config;
  config.run.seed = 7;
  config.environment.config = {{"reward_type", "sparse"}};
  const auto settings = RunSettings(config);
  EXPECT_THAT(settings, Contains(Pair("run.seed", "7")));
  EXPECT_THAT(settings, Contains(Pair("environment.config.reward_type", "sparse")));
  EXPECT_THAT(settings, Contains(Pair("algorithm.td3.gamma", testing::_)));
}

TEST(LearningSettings, AreThoseOfTheRunsOwnAlgorithmAndNoAddresses) {
  RunConfig config;
  config.algorithm.name = "sac";
  std::map<std::string, std::string> settings = LearningSettings(config);
  for (const char* key : {"algorithm.name", "algorithm.sac.gamma", "environment.id", "run.seed",
                          "replay.size_min", "algorithm.network.hidden_sizes"}) {
    EXPECT_EQ(settings.count(key), 1) << key;
  }
  for (const char* key : {"algorithm.td3.gamma", "algorithm.ppo.epochs", "learner.listen",
                          "run.output_dir", "run.name", "cluster.actors"}) {
    EXPECT_EQ(settings.count(key), 0) << key;
  }
  config.algorithm.name = "ppo";
  settings = LearningSettings(config);
  EXPECT_EQ(settings.count("algorithm.ppo.epochs"), 1);
  EXPECT_EQ(settings.count("algorithm.sac.gamma"), 0);
  EXPECT_EQ(settings.count("replay.size_min"), 0);
}

TEST(LearningSettings, TextsHaveNoQuotes) {
  RunConfig config;
  config.environment.id = "a b";
  EXPECT_EQ(LearningSettings(config).at("environment.id"), "a b");
}

}  // namespace
}  // namespace armature
