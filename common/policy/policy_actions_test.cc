#include "common/policy/policy_actions.h"

#include <algorithm>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

TEST(PolicyActionsTest, ScalingFromBoundsUndoesMappingToThem) {
  const ActionSpec action{{-2, 0, 0.1}, {4, 1, 0.3}};
  GroupActions actions;
  for (int i = 0; i <= 20; ++i) {
    for (const float offset : {0.0f, 0.01f, -0.003f}) {
      actions.stored.push_back(std::clamp(-1 + 0.1f * i + offset, -1.0f, 1.0f));
    }
  }
  MapToBounds(action, &actions);
  EXPECT_THAT(ScaleFromBounds(action, actions.sent), Pointwise(FloatNear(2e-6f), actions.stored));
}

TEST(PolicyActionsTest, ScalingFromBoundsStaysInThePolicysRange) {
  const ActionSpec action{{-2, 1000}, {2, 1000.2}};
  // The float32 of 1000.2 is 1000.200012.
  EXPECT_THAT(ScaleFromBounds(action, {2, 1000.2f, -2, 1000, 1, 1000.1f}),
              ElementsAre(1, 1, -1, -1, 0.5, FloatNear(0, 1e-3f)));
}

}  // namespace
}  // namespace armature
