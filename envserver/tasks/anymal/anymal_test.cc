// What raisimGym's example says of its environment, seen through the registry.
#include "anymal.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "envserver/env/env_registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

using armature::Env;
using armature::Observation;
using armature::StepResult;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::FloatNear;

enum Field { kHeight, kUp, kAngles, kLinearVelocity, kAngularVelocity, kVelocities };

class AnymalTest : public testing::Test {
 protected:
  AnymalTest() {
    armature::EnvRegistry registry;
    if (!RegisterAnymal(registry).ok()) std::abort();
    env_ = *registry.Make("anymal", {});
    std::vector<absl::Span<uint8_t>> spans;
    for (const armature::FieldSpec& field : env_->spec().observation) {
      fields_.emplace_back(field.size());
      spans.emplace_back(reinterpret_cast<uint8_t*>(fields_.back().data()), 4 * field.size());
    }
    observation_ = std::make_unique<Observation>(spans);
    env_->Reset(0, *observation_);
  }

  StepResult Step(const std::vector<float>& action) { return env_->Step(action, *observation_); }
  float Metric(const std::string& name) const {
    const auto& specs = env_->spec().metrics;
    std::vector<float> values(specs.size());
    env_->ReadMetrics(absl::MakeSpan(values));
    for (size_t i = 0; i < specs.size(); ++i) {
      if (specs[i].name == name) return values[i];
    }
    ADD_FAILURE() << "no metric " << name;
    return 0;
  }

  std::unique_ptr<Env> env_;
  std::vector<std::vector<float>> fields_;
  std::unique_ptr<Observation> observation_;
};

const std::vector<float> kNoAction(12, 0);

TEST_F(AnymalTest, ObservationHas34NumbersAndBeginsInTheNominalPose) {
  size_t size = 0;
  for (const auto& field : fields_) size += field.size();
  EXPECT_EQ(size, 34u);
  EXPECT_THAT(fields_[kHeight], ElementsAre(FloatEq(0.5)));
  EXPECT_THAT(fields_[kUp], ElementsAre(FloatNear(0, 1e-9), FloatNear(0, 1e-9), 1));
  EXPECT_THAT(fields_[kAngles],
              ElementsAre(FloatEq(0.03), FloatEq(0.4), FloatEq(-0.8), FloatEq(-0.03), FloatEq(0.4),
                          FloatEq(-0.8), FloatEq(0.03), FloatEq(-0.4), FloatEq(0.8), FloatEq(-0.03),
                          FloatEq(-0.4), FloatEq(0.8)));
  for (const Field field : {kLinearVelocity, kAngularVelocity, kVelocities}) {
    EXPECT_THAT(fields_[field], Each(0.0f));
  }
}

TEST_F(AnymalTest, StandsForTheWholeEpisodeWithoutAnAction) {
  EXPECT_EQ(env_->spec().horizon, 400);  // 4 s of 0.01 s.
  for (int step = 0; step < env_->spec().horizon; ++step) {
    ASSERT_FALSE(Step(kNoAction).terminated) << step;
  }
  EXPECT_GT(fields_[kHeight][0], 0.4);
  EXPECT_GT(fields_[kUp][2], 0.98);
  // The torque of a joint that rests under its load is kp x its error.
  EXPECT_LT(Metric("reward/torque"), 0);
  EXPECT_NEAR(Metric("reward/forward_velocity"), 0, 0.01);
}

TEST_F(AnymalTest, EndsWithMinusTenWhenTheBodyTouchesTheFloor) {
  std::vector<float> fold = kNoAction;  // Thighs up: the robot sits down.
  for (int hfe : {1, 4}) fold[hfe] = 5;
  for (int hfe : {7, 10}) fold[hfe] = -5;
  for (int step = 0; step < env_->spec().horizon; ++step) {
    const StepResult result = Step(fold);
    if (!result.terminated) continue;
    EXPECT_EQ(Metric("terminated/fell"), 1);
    EXPECT_NEAR(result.reward, Metric("reward/forward_velocity") + Metric("reward/torque") - 10,
                1e-4);
    return;
  }
  ADD_FAILURE() << "it stood";
}

TEST_F(AnymalTest, EachJointGoesWhereItsActionPointsTo) {
  const auto angles_after = [&](const std::vector<float>& action) {
    env_->Reset(0, *observation_);
    for (int step = 0; step < 10; ++step) Step(action);
    return fields_[kAngles];
  };
  const std::vector<float> without = angles_after(kNoAction);  // It sags under its weight.
  for (int joint = 0; joint < 12; ++joint) {
    std::vector<float> action = kNoAction;
    action[joint] = 1;
    EXPECT_GT(angles_after(action)[joint] - without[joint], 0.03) << joint;
  }
}

}  // namespace
