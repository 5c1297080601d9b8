#include "learner/replay/sum_tree.h"

#include <numeric>
#include <vector>

#include "common/random/rng.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

// The share of [0, total) of each index, measured on a fine grid.
std::vector<double> Shares(const SumTree& tree, int64_t size) {
  constexpr int kPoints = 10000;
  std::vector<double> shares(size);
  for (int i = 0; i < kPoints; ++i) {
    shares[tree.Find((i + 0.5) * tree.total() / kPoints)] += tree.total() / kPoints;
  }
  return shares;
}

TEST(SumTreeTest, EachIndexTakesAShareOfItsWeightForEverySize) {
  for (int64_t size = 1; size <= 20; ++size) {
    Rng rng({static_cast<uint64_t>(size)});
    SumTree tree(size);
    std::vector<double> weights(size);
    for (int change = 0; change < 3 * size; ++change) {
      const int64_t index = rng.Index(size);
      weights[index] = rng.Index(3) == 0 ? 0 : rng.Uniform(0, 2);
      tree.Set(index, weights[index]);
    }
    tree.Set(0, weights[0] = 1);
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    EXPECT_NEAR(tree.total(), total, 1e-12);
    const std::vector<double> shares = Shares(tree, size);
    for (int64_t i = 0; i < size; ++i) {
      EXPECT_EQ(tree.weight(i), weights[i]);
      EXPECT_NEAR(shares[i], weights[i], total * 3e-4) << i << " of " << size;
    }
  }
}

TEST(SumTreeTest, AnIndexOfWeightZeroIsNeverFoundWhereverOneLooks) {
  for (int64_t size = 2; size <= 9; ++size) {
    for (int64_t only = 0; only < size; ++only) {
      SumTree tree(size);
      tree.Set(only, 0.1);
      for (const double at : {0.0, 0.05, 0.1, 0.2}) EXPECT_EQ(tree.Find(at), only);
    }
  }
}

TEST(SumTreeTest, SumsDependOnTheWeightsAloneNotOnTheirHistory) {
  constexpr int64_t kSize = 13;
  Rng rng({3});
  SumTree changed(kSize);
  for (int i = 0; i < 1000; ++i) changed.Set(rng.Index(kSize), rng.Uniform(0, 1e6));
  std::vector<double> weights;
  for (int64_t i = 0; i < kSize; ++i) weights.push_back(changed.weight(i));
  SumTree assigned(kSize);
  assigned.Set(3, 5);
  assigned.Assign(weights);
  EXPECT_EQ(assigned.total(), changed.total());
  assigned.Assign({1.0, 2.0});
  EXPECT_EQ(assigned.total(), 3);
}

}  // namespace
}  // namespace armature
