#include "actor/sessions/session_pool.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;

TEST(CutShardsTest, DividesWholeGroupsOverTheServers) {
  EXPECT_THAT(CutShards(8, 2, 1), ElementsAre(8));
  EXPECT_THAT(CutShards(8, 2, 3), ElementsAre(4, 2, 2));
  EXPECT_THAT(CutShards(8, 2, 4), ElementsAre(2, 2, 2, 2));
  EXPECT_THAT(CutShards(8, 2, 9), ElementsAre(2, 2, 2, 2)) << "no empty shard";
  EXPECT_THAT(CutShards(3, 1, 2), ElementsAre(2, 1));
  EXPECT_THAT(CutShards(1, 1, 0), ElementsAre(1)) << "a list that is still empty";
}

}  // namespace
}  // namespace armature
