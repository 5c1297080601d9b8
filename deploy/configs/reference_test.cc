// docs/configuration.md says what the program says.
#include <fstream>
#include <sstream>

#include "common/files/files.h"
#include "common/run_config/load_run_config.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(ConfigurationPage, IsWhatTheLearnerPrints) {
  const auto path = FindProgramData("armature/docs/configuration.md", "", "ARMATURE_REFERENCE");
  ASSERT_TRUE(path.ok()) << path.status();
  std::ostringstream page;
  page << std::ifstream(*path).rdbuf();
  EXPECT_TRUE(page.str() == ConfigReference())
      << "stale; renew it: bazel run //learner -- --config_reference > docs/configuration.md";
}

}  // namespace
}  // namespace armature
