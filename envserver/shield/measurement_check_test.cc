#include "envserver/shield/measurement_check.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"

namespace armature {
namespace {

using Eigen::Vector3d;

class MeasurementCheckTest : public testing::Test {
 protected:
  static HumanModel Human() {
    HumanModel human;
    human.joints = {{20}, {50}};
    human.capsules = {{0, 1, 0.1, 0}};
    human.extremities = {{0, 1}};
    human.position_error_m = 0.01;
    human.velocity_error_m_s = 0.1;
    human.delay_s = 0.01;
    return human;
  }

  Measurement Check(double now_s, double age_s, Vector3d hand, Vector3d speed = Vector3d::Zero()) {
    position_ = {Vector3d::Zero(), hand};
    velocity_ = {Vector3d::Zero(), speed};
    HumanMeasurement measurement;
    measurement.age_s = age_s;
    measurement.position = position_;
    measurement.velocity = velocity_;
    return check_.Check(&measurement, now_s);
  }

  const HumanModel human_ = Human();
  MeasurementCheck check_{&human_, 0.1};
  std::vector<Vector3d> position_, velocity_;
};

TEST_F(MeasurementCheckTest, AJumpFartherThanABoundedHumanCanIsImplausible) {
  EXPECT_EQ(Check(0, 0, {0.5, 0, 0}), Measurement::kGood);
  // In 0.1 s: 2 (0.1 + 0.01) + 2 * 0.01 = 0.24.
  EXPECT_EQ(Check(0.1, 0, {0.739, 0, 0}), Measurement::kGood);
  EXPECT_EQ(Check(0.2, 0, {0.49, 0, 0}), Measurement::kImplausible);
  // It is where it jumped to that counts.
  EXPECT_EQ(Check(0.3, 0, {0.49, 0, 0}), Measurement::kGood);
  // What counts is when it was taken: nothing between these two.
  EXPECT_EQ(Check(0.35, 0.05, {0.55, 0, 0}), Measurement::kImplausible);
}

TEST_F(MeasurementCheckTest, SoAreVelocitiesAndLengthsThatItCannotHave) {
  EXPECT_EQ(Check(0, 0, {0.5, 0, 0}, {2.09, 0, 0}), Measurement::kGood);
  EXPECT_EQ(Check(0.1, 0, {0.5, 0, 0}, {2.11, 0, 0}), Measurement::kImplausible);
  EXPECT_EQ(Check(0.2, 0, {0.5, 0, 0}, {-2, 0, 0}), Measurement::kGood);            // 5.7 allowed.
  EXPECT_EQ(Check(0.21, 0, {0.5, 0, 0}, {-0.7, 0, 0}), Measurement::kImplausible);  // 1.2.
  EXPECT_EQ(Check(1, 0, {1.019, 0, 0}), Measurement::kGood);
  EXPECT_EQ(Check(2, 0, {1.03, 0, 0}), Measurement::kImplausible);
}

TEST_F(MeasurementCheckTest, TellsMissingLateAndMalformed) {
  EXPECT_EQ(check_.Check(nullptr, 0), Measurement::kMissing);
  EXPECT_EQ(Check(1, 0.11, {0.5, 0, 0}), Measurement::kLate);
  EXPECT_EQ(Check(1, -0.01, {0.5, 0, 0}), Measurement::kMalformed);
  EXPECT_EQ(Check(1, std::nan(""), {0.5, 0, 0}), Measurement::kMalformed);
  EXPECT_EQ(Check(1, 0, {std::nan(""), 0, 0}), Measurement::kMalformed);
  position_.pop_back();
  HumanMeasurement measurement;
  measurement.position = position_;
  EXPECT_EQ(check_.Check(&measurement, 2), Measurement::kMalformed);
}

}  // namespace
}  // namespace armature
