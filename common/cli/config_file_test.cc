#include "common/cli/config_file.h"

#include <cstdlib>
#include <fstream>

#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(ConfigFile, IsAPathOrTheNameOfAShippedOne) {
  const std::string folder = testing::TempDir();
  for (const char* name : {"panda_sac", "cartpole_ppo"}) {
    std::ofstream(folder + "/" + name + ".yaml") << "\n";
  }
  setenv("ARMATURE_CONFIGS", folder.c_str(), 1);
  EXPECT_EQ(*FindConfigFile("panda_sac"), folder + "/panda_sac.yaml");
  EXPECT_EQ(*FindConfigFile(folder + "/panda_sac.yaml"), folder + "/panda_sac.yaml");
  EXPECT_EQ(FindConfigFile("panda_sca").status(),
            absl::NotFoundError("no configuration 'panda_sca': neither a file nor one of "
                                "cartpole_ppo, panda_sac; did you mean 'panda_sac'?"));
}

}  // namespace
}  // namespace armature
