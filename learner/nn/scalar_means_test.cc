#include "learner/nn/scalar_means.h"

#include "ATen/ATen.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(ScalarMeansTest, TakeGivesTheMeansSinceTheLastTake) {
  ScalarMeans means({"a", "b"}, c10::kCPU);
  Scalars scalars;
  means.Take(&scalars);
  EXPECT_TRUE(scalars.empty());
  means.Add({at::full({}, 1.0), at::full({}, 10.0)});
  means.Add({at::full({}, 2.0), at::full({}, 30.0)});
  means.Take(&scalars);
  EXPECT_EQ(scalars, (Scalars{{"a", 1.5}, {"b", 20}}));
  means.Add({at::full({}, 7.0), at::full({}, 8.0)});
  means.Take(&scalars);
  EXPECT_EQ(scalars, (Scalars{{"a", 7}, {"b", 8}}));
}

}  // namespace
}  // namespace armature
