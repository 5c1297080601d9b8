#include "common/random/rng.h"

#include <cmath>

#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(RngTest, SameSeedSameStreamOtherSeedOtherStream) {
  Rng a({1, 2, 3}), b({1, 2, 3}), c({1, 2, 4});
  const uint64_t first = a.Bits();
  EXPECT_EQ(first, b.Bits());
  EXPECT_NE(first, c.Bits());
}

TEST(RngTest, MomentsAreThoseOfTheDistribution) {
  Rng rng({7});
  const int n = 200000;
  double normal_sum = 0, normal_square = 0, uniform_sum = 0;
  int64_t low = 0;
  for (int i = 0; i < n; ++i) {
    const double z = rng.Normal();
    normal_sum += z;
    normal_square += z * z;
    const double u = rng.Uniform(-2, 4);
    ASSERT_GE(u, -2);
    ASSERT_LT(u, 4);
    uniform_sum += u;
    const int64_t k = rng.Index(5);
    ASSERT_GE(k, 0);
    ASSERT_LT(k, 5);
    low += k == 0;
  }
  EXPECT_NEAR(normal_sum / n, 0, 0.02);
  EXPECT_NEAR(normal_square / n, 1, 0.02);
  EXPECT_NEAR(uniform_sum / n, 1, 0.02);
  EXPECT_NEAR(static_cast<double>(low) / n, 0.2, 0.01);
}

}  // namespace
}  // namespace armature
