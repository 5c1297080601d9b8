#include "deploy/launcher/process/restart_budget.h"

#include <optional>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;

class RestartBudgetTest : public testing::Test {
 protected:
  // Lives for this long, then dies.
  std::optional<RestartBudget::Restart> LiveFor(absl::Duration healthy) {
    budget_.OnReady(now_);
    Pass(healthy);
    return budget_.OnDeath(now_);
  }
  void Pass(absl::Duration time) { now_ += absl::ToChronoNanoseconds(time); }

  RestartBudget budget_{{3, absl::Minutes(10), absl::Milliseconds(500), absl::Seconds(1.5)}};
  RestartBudget::Time now_;
};

TEST_F(RestartBudgetTest, WaitsDoubleAndTheDeathAfterTheLastRestartIsOneTooMany) {
  std::vector<absl::Duration> delays;
  for (int64_t number = 1; number <= 3; ++number) {
    const auto restart = LiveFor(absl::Seconds(1));
    ASSERT_TRUE(restart);
    EXPECT_EQ(restart->number, number);
    delays.push_back(restart->delay);
  }
  EXPECT_THAT(delays,
              ElementsAre(absl::Milliseconds(500), absl::Seconds(1), absl::Milliseconds(1500)));
  EXPECT_FALSE(LiveFor(absl::Seconds(1)));
}

TEST_F(RestartBudgetTest, DeathsThatAreFarApartNeverUseItUp) {
  for (int death = 0; death < 1000; ++death) {
    const auto restart = LiveFor(absl::Minutes(10));
    ASSERT_TRUE(restart);
    EXPECT_EQ(restart->number, 1);
    EXPECT_EQ(restart->delay, absl::Milliseconds(500));
  }
}

TEST_F(RestartBudgetTest, EachDeathIsForgottenAfterItsOwnWindow) {
  ASSERT_TRUE(LiveFor(absl::Minutes(1)));
  ASSERT_TRUE(LiveFor(absl::Minutes(6)));
  EXPECT_EQ(LiveFor(absl::Minutes(4))->number, 2);  // The first death was 10 minutes ago.
  EXPECT_EQ(LiveFor(absl::Minutes(1))->number, 3);
  EXPECT_FALSE(LiveFor(absl::Minutes(1)));
}

TEST_F(RestartBudgetTest, TimeThatIsNotHealthyBringsNothingBack) {
  ASSERT_TRUE(LiveFor(absl::Seconds(1)));
  Pass(absl::Hours(1));
  ASSERT_TRUE(budget_.OnDeath(now_));  // It was not ready in between.
  Pass(absl::Hours(1));
  ASSERT_TRUE(LiveFor(absl::Seconds(1)));
  Pass(absl::Hours(1));
  EXPECT_FALSE(LiveFor(absl::Seconds(1)));
}

TEST(RestartBudget, WithoutRestartsTheFirstDeathIsTheLast) {
  RestartBudget none({0, absl::Minutes(10), absl::Seconds(1), absl::Seconds(1)});
  EXPECT_FALSE(none.OnDeath({}));
}

}  // namespace
}  // namespace armature
