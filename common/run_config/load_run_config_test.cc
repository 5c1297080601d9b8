#include "common/run_config/load_run_config.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string WriteConfig(const std::string& text) {
  const std::string path = testing::TempDir() + "/config.yaml";
  std::ofstream(path) << text;
  return path;
}

std::string Error(const std::vector<std::string>& words, const std::string& resume_dir = "") {
  return std::string(LoadRunConfig({words, "", "", ""}, resume_dir).status().message());
}

TEST(LoadRunConfig, OverridesComeAfterTheFile) {
  const std::string path = WriteConfig("run: {seed: 3, name: a}\n");
  const auto config = LoadRunConfig({{path, "run.seed=4"}, "", "", ""}, "");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->run.seed, 4);
  EXPECT_EQ(config->run.name, "a");
}

TEST(LoadRunConfig, AddressesOfAllKindsAreTakenInFilesAndOnTheCommandLine) {
  const std::string path = WriteConfig(
      "learner:\n  listen: [::1]:5556\n"
      "cluster: {env_servers: 0, external_env_servers: unix:/run/sim}\n");
  const auto config = LoadRunConfig(
      {{path, "algorithm.name=ppo", "cluster.external_env_servers=[::1]:5557,unix:/run/sim",
        "learner.metrics_listen=[::1]:0"},
       "",
       "",
       ""},
      "");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->learner.listen, "[::1]:5556");
  EXPECT_EQ(config->cluster.external_env_servers, "[::1]:5557,unix:/run/sim");
  EXPECT_EQ(config->learner.metrics_listen, "[::1]:0");
  EXPECT_EQ(RunConfig().learner.listen, "auto");
  EXPECT_THAT(Error({path, "algorithm.name=ppo", "learner.listen=127.0.0.1:99999"}),
              HasSubstr("learner.listen: '127.0.0.1:99999' is not an address: the port is '99999', "
                        "expected 0 to 65535, or auto"));
  EXPECT_THAT(Error({path, "algorithm.name=ppo", "learner.metrics_listen=:abc"}),
              HasSubstr("learner.metrics_listen: ':abc' is not an address"));
}

TEST(LoadRunConfig, AResumedRunHasItsOwnFile) {
  WriteConfig("run: {seed: 3}\n");
  const auto config = LoadRunConfig({{"run.name=b"}, "", "", ""}, testing::TempDir());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->run.seed, 3);
  EXPECT_EQ(config->run.name, "b");
}

TEST(LoadRunConfig, AResumedRunIsNotTrainedByAFileThatIsCut) {
  WriteConfig("");
  EXPECT_THAT(Error({}, testing::TempDir()), HasSubstr("/config.yaml is damaged: it is empty"));
  WriteConfig("run:\n  seed: 3\n  total_env_st");
  EXPECT_THAT(Error({}, testing::TempDir()), HasSubstr("/config.yaml is damaged: it is cut short"));
}

TEST(LoadRunConfig, GroupsAloneBeginWithTheDefaultConfiguration) {
  const auto config =
      LoadRunConfig({{"environment=panda_reach", "run.seed=3", "algorithm=td3"}, "", "", ""}, "");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->algorithm.name, "td3");
  EXPECT_EQ(config->algorithm.td3.gamma, 0.95);
  EXPECT_EQ(config->environment.id, "panda_reach");
  EXPECT_EQ(config->run.seed, 3);
}

TEST(LoadRunConfig, AChoiceReplacesThatOfTheNamedConfiguration) {
  const auto config = LoadRunConfig({{"algorithm=td3"}, "panda_reach_sac", "", ""}, "");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->algorithm.name, "td3");
  EXPECT_EQ(config->environment.id, "panda_reach");
}

TEST(LoadRunConfig, AFolderOfTheUsersComesBeforeWhatIsShipped) {
  const std::string folder = testing::TempDir() + "/mine";
  std::filesystem::create_directories(folder + "/algorithm");
  std::ofstream(folder + "/algorithm/patient_sac.yaml")
      << "defaults: [sac]\nalgorithm: {sac: {gamma: 0.999}}\n";
  std::ofstream(folder + "/mine.yaml") << "defaults:\n  - algorithm: patient_sac\n";
  const auto config = LoadRunConfig({{"mine", "environment=cartpole"}, "", folder, ""}, "");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->algorithm.sac.gamma, 0.999);
  EXPECT_EQ(config->environment.id, "cartpole");
  EXPECT_EQ(config->collect.transitions_per_batch, 16);  // From the shipped algorithm/sac.
}

TEST(LoadRunConfig, AMapSetsKeysOfASectionThatIsNamedLikeAGroup) {
  const auto config =
      LoadRunConfig({{"panda_reach_sac", "algorithm={sac: {gamma: 0.9}}"}, "", "", ""}, "");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->algorithm.sac.gamma, 0.9);
  EXPECT_EQ(config->algorithm.sac.learning_rate, 0.001);
}

TEST(LoadRunConfig, AWrongChoiceNamesTheOptionsAndTheNearest) {
  EXPECT_THAT(Error({"algorithm=td4"}),
              AllOf(HasSubstr("rlpd, sac"), HasSubstr("did you mean 'td3'?")));
  EXPECT_THAT(Error({"panda_reach_sac", "algoritm=td3"}), HasSubstr("did you mean 'algorithm'?"));
  EXPECT_THAT(Error({"algorithm=td3", "algorithm=sac"}), HasSubstr("chosen twice"));
  WriteConfig("run: {seed: 3}\n");
  EXPECT_THAT(Error({"algorithm=td3"}, testing::TempDir()), HasSubstr("keeps its configuration"));
}

TEST(LoadRunConfig, AnUnknownKeyBelowAListOfDefaultsIsNamedWithItsLine) {
  const std::string path = WriteConfig("defaults:\n  - panda_reach_sac\n\nrun: {sed: 3}\n");
  EXPECT_EQ(Error({path}), path + ":4: unknown key 'run.sed'; did you mean 'run.seed'?");
}

TEST(LoadRunConfig, AFileOfDemonstrationsIsThereAndBecomesAbsolute) {
  const std::string file = std::filesystem::absolute(WriteConfig("run: {seed: 3}\n"));
  const std::string relative = std::filesystem::relative(file);
  auto config = LoadRunConfig(
      {{"panda_reach_sac", "algorithm.demonstrations.path=" + relative}, "", "", ""}, "");
  ASSERT_TRUE(config.ok()) << config.status();
  DemonstrationsConfig& demonstrations = config->algorithm.demonstrations;
  ASSERT_TRUE(ResolveDemonstrations(&demonstrations).ok());
  EXPECT_TRUE(std::filesystem::path(demonstrations.path).is_absolute());
  EXPECT_TRUE(std::filesystem::equivalent(demonstrations.path, file));
  demonstrations.path = "gone.safetensors";
  EXPECT_THAT(std::string(ResolveDemonstrations(&demonstrations).message()),
              HasSubstr("algorithm.demonstrations.path=gone.safetensors: no such file"));
  demonstrations.path = "";
  EXPECT_TRUE(ResolveDemonstrations(&demonstrations).ok());
  EXPECT_EQ(demonstrations.path, "");
}

TEST(LoadRunConfig, DoesNotLookForTheDemonstrations) {
  EXPECT_EQ(Error({"panda_reach_sac", "algorithm.demonstrations.path=gone.safetensors"}), "");
}

TEST(LoadRunConfig, SeveralValuesPointToSweep) {
  EXPECT_EQ(Error({"panda_reach_sac", "run.seed=1,2"}),
            "override: run.seed: expected an integer, got '1,2'; for a run of each value: "
            "bazel run //deploy:sweep -- CONFIG run.seed=1,2");
  EXPECT_THAT(Error({"panda_reach_sac", "algorithm=sac,td3"}),
              HasSubstr("bazel run //deploy:sweep -- CONFIG algorithm=sac,td3"));
  EXPECT_THAT(Error({"panda_reach_sac", "algorithm.sac.learning_rate=1e-3,3e-4"}),
              HasSubstr("//deploy:sweep"));
  // The parts are not values by themselves.
  EXPECT_THAT(Error({"panda_reach_sac", "algorithm.network.hidden_sizes=64,64"}),
              AllOf(HasSubstr("such as [64, 64]"), Not(HasSubstr("sweep"))));
  EXPECT_THAT(Error({"panda_reach_sac", "run.seed=1,x"}), Not(HasSubstr("sweep")));
}

TEST(LoadRunConfig, HydrasPrefixesWorkOrAreNamed) {
  const auto config = LoadRunConfig(
      {{"+environment=cartpole", "++run.seed=4", "+algorithm=ppo", "+environment.config.noise=1"},
       "",
       "",
       ""},
      "");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->run.seed, 4);
  EXPECT_EQ(config->algorithm.name, "ppo");
  EXPECT_EQ(config->environment.config.at("noise"), "1");
  // A + does not create a new key.
  EXPECT_THAT(Error({"panda_reach_sac", "+run.sed=4"}), HasSubstr("did you mean 'run.seed'"));
  for (const char* word : {"~run.seed", "~algorithm", "~algorithm=sac"}) {
    EXPECT_EQ(Error({"panda_reach_sac", word}),
              std::string("'") + word +
                  "': nothing is taken out of a configuration; key=value "
                  "sets a key, and docs/configuration.md has the defaults");
  }
  EXPECT_THAT(Error({"panda_reach_sac", "hydra.run.dir=x"}),
              HasSubstr("the run's folder is --run_dir"));
}

TEST(LoadRunConfig, WhatIsWrongIsNamed) {
  const std::string path = WriteConfig("run: {seed: 3}\n");
  EXPECT_EQ(Error({path, "x"}),
            "'x': expected key=value, since " + path + " is the configuration already");
  EXPECT_THAT(Error({path}, testing::TempDir()),
              HasSubstr("'" + path + "': a resumed run keeps its configuration"));
  EXPECT_THAT(Error({"/nonexistent.yaml"}), HasSubstr("no configuration '/nonexistent.yaml'"));
  EXPECT_THAT(Error({path, "run.sed=1"}), HasSubstr("did you mean 'run.seed'"));
  EXPECT_THAT(Error({path, "replay.size_min=2000000"}), HasSubstr("learning would never begin"));
}

}  // namespace
}  // namespace armature
