// Every shipped configuration loads, is valid and has a target.
#include <filesystem>
#include <set>

#include "common/cli/config_file.h"
#include "common/cli/files.h"
#include "gtest/gtest.h"
#include "learner/run_config.h"

namespace armature {
namespace {

class ShippedConfigTest : public testing::TestWithParam<std::string> {};

TEST_P(ShippedConfigTest, LoadsIsValidAndHasATarget) {
  const auto path = FindConfigFile(GetParam());
  ASSERT_TRUE(path.ok()) << path.status();
  RunConfig config;
  ASSERT_EQ(LoadYamlFile(*path, ConfigOf(config)), absl::OkStatus());
  EXPECT_EQ(config.Validate(), absl::OkStatus());
  EXPECT_EQ(config.run.name, GetParam());
  EXPECT_TRUE(config.evaluation.stop_at_success_rate > 0 ||
              config.evaluation.stop_at_return_enabled);
}

std::vector<std::string> ShippedConfigs() {
  std::set<std::string> names;
  const auto folder = FindProgramData("armature/deploy/configs", "configs", "ARMATURE_CONFIGS");
  for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
    if (entry.path().extension() == ".yaml") names.insert(entry.path().stem());
  }
  return {names.begin(), names.end()};
}

INSTANTIATE_TEST_SUITE_P(All, ShippedConfigTest, testing::ValuesIn(ShippedConfigs()),
                         [](const auto& name) { return name.param; });

}  // namespace
}  // namespace armature
