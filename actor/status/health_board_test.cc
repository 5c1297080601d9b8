#include "actor/status/health_board.h"

#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(HealthBoardTest, SaysWhatItWaitsForOnceItIsStuck) {
  const absl::Time start = absl::UnixEpoch();
  HealthBoard board(start);
  board.Waits("waits for learner 127.0.0.1:5556: no answer");
  EXPECT_EQ(board.Problem(start + HealthBoard::kStuckAfter), "");
  const absl::Time later = start + HealthBoard::kStuckAfter + absl::Seconds(1);
  EXPECT_EQ(board.Problem(later), "waits for learner 127.0.0.1:5556: no answer");
  board.Progress(later);
  EXPECT_EQ(board.Problem(later + absl::Seconds(1)), "");
}

}  // namespace
}  // namespace armature
