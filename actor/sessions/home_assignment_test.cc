#include "actor/sessions/home_assignment.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using Names = std::vector<std::string>;

Names Servers(int count) {
  Names servers;
  for (int i = 0; i < count; ++i) servers.push_back(absl::StrCat("host-", i, ":5557"));
  return servers;
}

int Count(const Names& homes, const std::string& server) {
  return static_cast<int>(std::count(homes.begin(), homes.end(), server));
}

int Moves(const Names& before, const Names& after) {
  int moves = 0;
  for (size_t i = 0; i < before.size(); ++i) moves += before[i] != after[i] ? 1 : 0;
  return moves;
}

TEST(HomeAssignmentTest, SharesDifferByOneAtMost) {
  for (int servers = 1; servers <= 7; ++servers) {
    for (int shards = 1; shards <= 9; ++shards) {
      const Names homes = AssignHomes(RankServers("a", Servers(servers)), Names(shards));
      for (const std::string& server : Servers(servers)) {
        EXPECT_GE(Count(homes, server), shards / servers);
        EXPECT_LE(Count(homes, server), (shards + servers - 1) / servers);
      }
    }
  }
}

TEST(HomeAssignmentTest, AServerThatIsAddedMovesItsShareAndNothingElse) {
  for (int servers = 1; servers <= 7; ++servers) {
    for (int shards = 1; shards <= 9; ++shards) {
      const Names before = AssignHomes(RankServers("a", Servers(servers)), Names(shards));
      const Names after = AssignHomes(RankServers("a", Servers(servers + 1)), before);
      EXPECT_EQ(Moves(before, after), Count(after, Servers(servers + 1).back()))
          << servers << " servers, " << shards << " shards";
    }
  }
}

TEST(HomeAssignmentTest, AServerThatIsTakenAwayMovesItsShardsAndNothingElse) {
  for (int servers = 2; servers <= 7; ++servers) {
    Names fewer = Servers(servers);
    const std::string gone = fewer.front();
    fewer.erase(fewer.begin());
    const Names before = AssignHomes(RankServers("a", Servers(servers)), Names(8));
    const Names after = AssignHomes(RankServers("a", fewer), before);
    EXPECT_EQ(Moves(before, after), Count(before, gone));
    EXPECT_EQ(Count(after, gone), 0);
  }
}

TEST(HomeAssignmentTest, TheOrderOfTheListDoesNotMatter) {
  Names turned = Servers(5);
  std::reverse(turned.begin(), turned.end());
  EXPECT_EQ(RankServers("a", turned), RankServers("a", Servers(5)));
}

TEST(HomeAssignmentTest, ActorsSpreadOverTheServersAndOverThoseThatComeLater) {
  constexpr int kActors = 400;
  std::map<std::string, int> load;
  int moves = 0;
  for (int i = 0; i < kActors; ++i) {
    const std::string name = absl::StrCat("actor-", i);
    const Names before = AssignHomes(RankServers(name, Servers(4)), Names(1));
    const Names after = AssignHomes(RankServers(name, Servers(5)), before);
    moves += Moves(before, after);
    ++load[after[0]];
  }
  // Binomial with p = 1 / 5: standard deviation 8.
  for (const std::string& server : Servers(5)) EXPECT_NEAR(load[server], kActors / 5, 40);
  EXPECT_EQ(moves, load[Servers(5).back()]);
}

TEST(HomeAssignmentTest, WithoutAServerTheHomesStay) {
  EXPECT_THAT(AssignHomes({}, {"a:1", ""}), ElementsAre("a:1", ""));
}

}  // namespace
}  // namespace armature
