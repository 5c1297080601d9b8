// Every shipped configuration loads, is valid and has a target; so does every option
// of a group.
#include <string>
#include <vector>

#include "common/cli/config_file.h"
#include "common/run_config/load_run_config.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

absl::StatusOr<RunConfig> Load(const std::vector<std::string>& words) {
  return LoadRunConfig({words, "", "", ""}, "");
}

class ShippedConfigTest : public testing::TestWithParam<std::string> {};

TEST_P(ShippedConfigTest, LoadsIsValidAndHasATarget) {
  const auto config = Load({GetParam()});
  ASSERT_TRUE(config.ok()) << config.status();
  if (GetParam() != "config") {
    EXPECT_EQ(config->run.name, GetParam());
  }
  EXPECT_TRUE(config->evaluation.stop_at_success_rate > 0 ||
              config->evaluation.stop_at_return_enabled);
}

INSTANTIATE_TEST_SUITE_P(All, ShippedConfigTest,
                         testing::ValuesIn(FindConfigFolders("").Options("")),
                         [](const auto& name) { return name.param; });

class PairTest : public testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(PairTest, IsValidAndTunedWhereThereIsAFileForIt) {
  const auto& [environment, algorithm] = GetParam();
  const std::string pair = environment + "_" + algorithm;
  auto config = Load({"algorithm=" + algorithm, "environment=" + environment});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->run.name, pair);
  if (!FindConfigFolders("").Find("", pair).ok()) return;
  auto tuned = Load({pair});
  ASSERT_TRUE(tuned.ok()) << tuned.status();
  EXPECT_EQ(ToYaml(ConfigOf(*config)), ToYaml(ConfigOf(*tuned)));
}

INSTANTIATE_TEST_SUITE_P(
    All, PairTest,
    testing::Combine(testing::ValuesIn(FindConfigFolders("").Options("environment")),
                     testing::ValuesIn(FindConfigFolders("").Options("algorithm"))),
    [](const auto& names) { return std::get<0>(names.param) + "_" + std::get<1>(names.param); });

}  // namespace
}  // namespace armature
