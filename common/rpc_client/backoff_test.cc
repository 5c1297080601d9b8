#include "common/rpc_client/backoff.h"

#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(BackoffTest, GrowsToItsBoundAndStaysWithinIt) {
  Backoff backoff(7);
  absl::Duration sum;
  for (int i = 0; i < 6; ++i) {
    const absl::Duration wait = backoff.Next();
    EXPECT_GE(wait, Backoff::kMin);
    EXPECT_GE(wait, 0.75 * Backoff::kMin * (1 << i));
    EXPECT_LE(wait, 1.25 * Backoff::kMin * (1 << i));
    sum += wait;
  }
  EXPECT_GT(sum, absl::Seconds(4));
  for (int i = 0; i < 20; ++i) {
    const absl::Duration wait = backoff.Next();
    EXPECT_GE(wait, 0.75 * Backoff::kMax);
    EXPECT_LE(wait, Backoff::kMax);
  }
}

TEST(BackoffTest, BeginsAnewAfterASuccess) {
  Backoff backoff(7);
  for (int i = 0; i < 10; ++i) backoff.Next();
  backoff.Reset();
  EXPECT_LE(backoff.Next(), 1.25 * Backoff::kMin);
}

TEST(BackoffTest, ActorsSpreadTheirReturns) {
  Backoff a(1), b(2);
  bool differs = false;
  for (int i = 0; i < 5; ++i) differs |= a.Next() != b.Next();
  EXPECT_TRUE(differs);
}

}  // namespace
}  // namespace armature
