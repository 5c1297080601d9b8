#include "common/cli/config_file.h"

#include <sys/stat.h>

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
  const ConfigFolders folders = FindConfigFolders("");
  EXPECT_EQ(*FindConfigFile("panda_sac", folders), folder + "/panda_sac.yaml");
  EXPECT_EQ(*FindConfigFile(folder + "/panda_sac.yaml", folders), folder + "/panda_sac.yaml");
  EXPECT_EQ(FindConfigFile("panda_sca", folders).status(),
            absl::NotFoundError("no configuration 'panda_sca': expected a file or one of "
                                "cartpole_ppo, panda_sac; did you mean 'panda_sac'?"));
}

TEST(ConfigFile, AFolderOfTheUsersComesFirst) {
  const std::string own = testing::TempDir() + "/own";
  mkdir(own.c_str(), 0755);
  std::ofstream(own + "/cartpole_ppo.yaml") << "\n";
  setenv("ARMATURE_CONFIGS", testing::TempDir().c_str(), 1);
  EXPECT_EQ(*FindConfigFile("cartpole_ppo", FindConfigFolders(own)), own + "/cartpole_ppo.yaml");
}

}  // namespace
}  // namespace armature
