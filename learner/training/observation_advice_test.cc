#include "learner/training/observation_advice.h"

#include "gtest/gtest.h"

namespace armature {
namespace {

EnvSpec With(const std::string& name, v1::DType dtype, const std::vector<int64_t>& shape) {
  EnvSpec env;
  env.observation = {{"position", v1::DTYPE_FLOAT32, {3}, {}, {}}, {name, dtype, shape, {}, {}}};
  return env;
}

TEST(ObservationAdviceTest, ImagesAreWarnedOf) {
  EXPECT_EQ(AdviceOnImages(With("camera", v1::DTYPE_UINT8, {64, 48, 3}), false),
            "observation 'camera' [64,48,3] looks like an image, but the networks are fully "
            "connected and get each of its values as an input of its own, not scaled: learning "
            "will be slow at best; compute features in the environment, or set "
            "algorithm.network.normalize_observation=true at least");
  EXPECT_EQ(AdviceOnImages(With("camera", v1::DTYPE_UINT8, {64, 48}), true),
            "observation 'camera' [64,48] looks like an image, but the networks are fully "
            "connected and get each of its values as an input of its own: learning will be slow "
            "at best; compute features in the environment");
}

TEST(ObservationAdviceTest, OtherFieldsAreNot) {
  EXPECT_EQ(AdviceOnImages(With("touch", v1::DTYPE_UINT8, {20}), false), "");
  EXPECT_EQ(AdviceOnImages(With("points", v1::DTYPE_FLOAT32, {20, 3}), false), "");
  EXPECT_EQ(AdviceOnImages(With("clock", v1::DTYPE_INT64, {}), false), "");
}

}  // namespace
}  // namespace armature
