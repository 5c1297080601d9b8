#include "learner/replay/samples_per_insert_limiter.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace armature {
namespace {

SamplesPerInsertLimiter MakeLimiter(double samples_per_insert, int64_t size_min, double tolerance) {
  return SamplesPerInsertLimiter({samples_per_insert, size_min, tolerance});
}

TEST(SamplesPerInsertLimiterTest, NothingIsSampledBeforeSizeMin) {
  SamplesPerInsertLimiter limiter = MakeLimiter(2, 10, 1);
  limiter.CountInsert(9);
  EXPECT_FALSE(limiter.CanSample(1));
  EXPECT_EQ(limiter.WhyNoSample(1),
            "learner waits for experience: 9 of 10 transitions before the first update");
  limiter.CountInsert(1);
  EXPECT_TRUE(limiter.CanSample(1));
  EXPECT_EQ(limiter.WhyNoSample(1), "");
}

TEST(SamplesPerInsertLimiterTest, InsertingUpToSizeMinIsAlwaysAllowed) {
  SamplesPerInsertLimiter limiter = MakeLimiter(2, 10, 1e-6);
  EXPECT_TRUE(limiter.CanInsert(10));
  EXPECT_FALSE(limiter.CanInsert(11));
}

TEST(SamplesPerInsertLimiterTest, EachSideStopsAtTheEdgeOfTheBand) {
  // Band: 0.5 * 10 * 2 = 10 samples, or 5 insertions.
  SamplesPerInsertLimiter limiter = MakeLimiter(2, 10, 0.5);
  limiter.CountInsert(10);
  EXPECT_TRUE(limiter.CanInsert(5));
  EXPECT_FALSE(limiter.CanInsert(6));
  EXPECT_EQ(limiter.WhyNoInsert(6),
            "actors wait for the learner: 6 more transitions after 10 would put it 12 samples "
            "behind, of 10 allowed");
  EXPECT_TRUE(limiter.CanSample(10));
  EXPECT_FALSE(limiter.CanSample(11));
  limiter.CountSample(10);
  EXPECT_FALSE(limiter.CanSample(1));
  EXPECT_EQ(limiter.WhyNoSample(1),
            "learner waits for experience: 1 more samples after 10 would put it 11 samples ahead, "
            "of 10 allowed");
  EXPECT_TRUE(limiter.CanInsert(10));
  EXPECT_FALSE(limiter.CanInsert(11));
}

TEST(SamplesPerInsertLimiterTest, RestoredCountsDecideAsTheOriginals) {
  SamplesPerInsertLimiter limiter = MakeLimiter(2, 10, 0.5);
  limiter.Restore(30, 40);
  EXPECT_EQ(limiter.inserted(), 30);
  EXPECT_EQ(limiter.sampled(), 40);
  EXPECT_TRUE(limiter.CanSample(10));
  EXPECT_FALSE(limiter.CanSample(11));
}

// Steps a run of `ratio` until it has inserted `inserted`, learning as allowed.
SamplesPerInsertLimiter RunOf(double ratio, int64_t size_min, int64_t inserted) {
  SamplesPerInsertLimiter limiter = MakeLimiter(ratio, size_min, 0.5);
  while (limiter.inserted() < inserted) {
    if (limiter.CanSample(8)) {
      limiter.CountSample(8);
    } else {
      limiter.CountInsert(1);
    }
  }
  return limiter;
}

TEST(SamplesPerInsertLimiterTest, CountsOfAnotherRatioLetNeitherSideWait) {
  const SamplesPerInsertLimiter before = RunOf(4, 100, 100000);
  for (const double ratio : {0.5, 2.0, 8.0, 64.0}) {
    SamplesPerInsertLimiter limiter = MakeLimiter(ratio, 100, 0.5);
    limiter.Restore(before.inserted(), before.sampled());
    EXPECT_TRUE(limiter.CanInsert(8)) << ratio;
    EXPECT_TRUE(limiter.CanSample(8)) << ratio;
    EXPECT_EQ(limiter.inserted(), before.inserted());
  }
}

TEST(SamplesPerInsertLimiterTest, CountsOfAnotherSizeMinLetNeitherSideWait) {
  const SamplesPerInsertLimiter before = RunOf(4, 100, 100000);
  for (const int64_t size_min : {10, 50000, 200000}) {
    SamplesPerInsertLimiter limiter = MakeLimiter(4, size_min, 0.5);
    limiter.Restore(before.inserted(), before.sampled());
    limiter.CountInsert(std::max<int64_t>(0, size_min - limiter.inserted()));
    EXPECT_TRUE(limiter.CanInsert(4)) << size_min;
    EXPECT_TRUE(limiter.CanSample(8)) << size_min;
  }
}

TEST(SamplesPerInsertLimiterTest, CountsOfTheSameOptionsAreKeptToTheLast) {
  SamplesPerInsertLimiter before = RunOf(4, 100, 1000);
  for (int i = 0; i < 100; ++i) {
    SamplesPerInsertLimiter limiter = MakeLimiter(4, 100, 0.5);
    limiter.Restore(before.inserted(), before.sampled());
    ASSERT_EQ(limiter.sampled(), before.sampled());
    if (before.CanSample(8) && i % 3 != 0) {
      before.CountSample(8);
    } else if (before.CanInsert(1)) {
      before.CountInsert(1);
    }
  }
}

// Visits every state reachable with allowed insertions of 1 .. n and samples of b, up to
// `inserted_max`. Returns whether some state refuses both sides.
bool CanDeadlock(double ratio, int64_t size_min, double tolerance, int64_t insert_max,
                 int64_t batch_size, int64_t inserted_max) {
  std::set<std::pair<int64_t, int64_t>> seen;
  std::vector<std::pair<int64_t, int64_t>> open = {{0, 0}};
  while (!open.empty()) {
    const auto [inserted, sampled] = open.back();
    open.pop_back();
    if (inserted > inserted_max || !seen.insert({inserted, sampled}).second) continue;
    SamplesPerInsertLimiter limiter = MakeLimiter(ratio, size_min, tolerance);
    limiter.Restore(inserted, sampled);
    for (int64_t n = 1; n <= insert_max; ++n) {
      // A side says why exactly when it is blocked.
      EXPECT_EQ(limiter.CanInsert(n), limiter.WhyNoInsert(n).empty());
      if (limiter.CanInsert(n)) {
        open.push_back({inserted + n, sampled});
      } else if (!limiter.CanSample(batch_size)) {
        return true;
      }
    }
    EXPECT_EQ(limiter.CanSample(batch_size), limiter.WhyNoSample(batch_size).empty());
    if (limiter.CanSample(batch_size)) open.push_back({inserted, sampled + batch_size});
  }
  return false;
}

TEST(SamplesPerInsertLimiterTest, BothSidesAreNeverRefusedWhereValidateAcceptsTheBand) {
  int64_t accepted = 0;
  for (double ratio : {0.3, 1.0, 1.7, 4.0}) {
    for (int64_t size_min : {1, 3, 8}) {
      for (double tolerance : {0.1, 0.5, 1.0, 2.5}) {
        for (int64_t insert_max : {1, 2, 5}) {
          for (int64_t batch_size : {1, 3, 7}) {
            // RunConfig::Validate's condition.
            const double band = tolerance * size_min * ratio;
            if (band < std::max<double>(batch_size, insert_max * ratio)) continue;
            ++accepted;
            EXPECT_FALSE(CanDeadlock(ratio, size_min, tolerance, insert_max, batch_size, 20))
                << ratio << " " << size_min << " " << tolerance << " " << insert_max << " "
                << batch_size;
          }
        }
      }
    }
  }
  EXPECT_GT(accepted, 50);
}

TEST(SamplesPerInsertLimiterTest, ABandTooNarrowDeadlocks) {
  EXPECT_TRUE(CanDeadlock(1, 8, 0.1, /*insert_max=*/5, /*batch_size=*/7, 20));
}

TEST(SamplesPerInsertLimiterTest, TheRatioIsKeptInTheLongRun) {
  SamplesPerInsertLimiter limiter = MakeLimiter(4, 100, 0.2);
  for (int64_t i = 0; i < 100000; ++i) {
    if (limiter.CanSample(16)) {
      limiter.CountSample(16);
    } else {
      ASSERT_TRUE(limiter.CanInsert(8));
      limiter.CountInsert(8);
    }
  }
  const double ratio = static_cast<double>(limiter.sampled()) / (limiter.inserted() - 100);
  EXPECT_NEAR(ratio, 4, 0.01);
}

}  // namespace
}  // namespace armature
