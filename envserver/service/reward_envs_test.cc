#include "envserver/service/reward_envs.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "envserver/testing/test_envs.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

class RewardEnvsTest : public ::testing::Test {
 protected:
  RewardEnvsTest() {
    EXPECT_TRUE(RegisterTestEnvs(sources_, std::make_shared<HangGate>()).ok());
    EXPECT_TRUE(registry_
                    .Register("point_mass", "Counts how often it is made.",
                              [this](const EnvConfig& config) {
                                ++made_[config.at("number")];
                                return sources_.Make("point_mass", {});
                              })
                    .ok());
  }

  // Acts like one ComputeReward; returns how often an environment of this number was created.
  int Use(int number) {
    const EnvConfig config = {{"number", absl::StrCat(number)}};
    auto env = envs_.Take("point_mass", config);
    EXPECT_TRUE(env.ok()) << env.status();
    envs_.Keep("point_mass", config, *std::move(env));
    return made_[absl::StrCat(number)];
  }

  EnvRegistry sources_, registry_;
  std::map<std::string, int> made_;
  RewardEnvs envs_{&registry_};
};

TEST_F(RewardEnvsTest, AnEnvironmentIsMadeOnce) {
  EXPECT_EQ(Use(0), 1);
  EXPECT_EQ(Use(0), 1);
}

TEST_F(RewardEnvsTest, ANewConfigurationTakesThePlaceOfTheOneUnusedForLongest) {
  constexpr int kMax = static_cast<int>(RewardEnvs::kKeptMax);
  for (int number = 0; number < kMax; ++number) Use(number);
  Use(0);
  EXPECT_EQ(Use(kMax), 1);
  EXPECT_EQ(Use(kMax), 1) << "the ninth is kept, too";
  EXPECT_EQ(Use(0), 1) << "used not long ago";
  EXPECT_EQ(Use(1), 2) << "unused for longest";
}

}  // namespace
}  // namespace armature
