#include "common/spec/fit_observation.h"

#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;

EnvSpec Spec(std::vector<FieldSpec> observation) {
  EnvSpec spec;
  spec.observation = std::move(observation);
  return spec;
}

const FieldSpec kArm = {"arm", v1::DTYPE_FLOAT32, {3}, {}, {}};
const FieldSpec kGoal = {"goal", v1::DTYPE_FLOAT32, {2}, {}, {}};

TEST(FitObservationTest, FindsFieldsByNameWhateverTheirOrder) {
  EXPECT_THAT(FitObservation(Spec({kArm, kGoal}), Spec({kArm, kGoal})).value(),
              ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(FitObservation(Spec({kArm, kGoal}), Spec({kGoal, kArm})).value(),
              ElementsAre(2, 3, 4, 0, 1));
}

TEST(FitObservationTest, LeavesOutWhatIsNotWanted) {
  const FieldSpec extra = {"extra", v1::DTYPE_UINT8, {}, {}, {}};
  EXPECT_THAT(FitObservation(Spec({kGoal}), Spec({kArm, extra, kGoal})).value(), ElementsAre(4, 5));
}

TEST(FitObservationTest, AnotherDtypeOrOtherBoundsFit) {
  const FieldSpec other = {"goal", v1::DTYPE_FLOAT64, {2}, {-1}, {1}};
  EXPECT_TRUE(FitObservation(Spec({kGoal}), Spec({other})).ok());
}

TEST(FitObservationTest, NamesWhatIsMissingOrOfAnotherShape) {
  EXPECT_EQ(FitObservation(Spec({kArm, kGoal}), Spec({kArm})).status().message(),
            "observation field 'goal' is missing");
  const FieldSpec longer = {"goal", v1::DTYPE_FLOAT32, {3}, {}, {}};
  EXPECT_EQ(FitObservation(Spec({kGoal}), Spec({longer})).status().message(),
            "observation field 'goal' is of shape [3], expected [2]");
}

}  // namespace
}  // namespace armature
