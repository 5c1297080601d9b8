#include "learner/training/run_checkpoint.h"

#include "ATen/ATen.h"
#include "common/spec/env_spec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

EnvSpec SomeSpec() {
  EnvSpec spec;
  spec.id = "some";
  spec.observation = {{"joints", v1::DTYPE_FLOAT64, {2, 3}, {-0.0}, {3.25}}};
  spec.action = ActionSpec{{-2, 0.1}, {2, 0.3}};
  spec.control_period_s = 0.04;
  return spec;
}

TEST(RunCheckpoint, ComesBackAsItWas) {
  RunCheckpoint checkpoint;
  checkpoint.run_id = "run";
  checkpoint.env = SomeSpec();
  checkpoint.counters.env_steps = 12;
  checkpoint.counters.wall_s = 1.5;
  checkpoint.acknowledged[{"actor-0", 99}] = 4;
  checkpoint.state = {{"x", at::ones({2})}};
  const RunCheckpoint back = RunCheckpoint::FromFile(checkpoint.ToFile()).value();
  EXPECT_EQ(back.run_id, "run");
  EXPECT_EQ(DescribeDifference(checkpoint.env, back.env), "");
  EXPECT_EQ(SpecHash(checkpoint.env), SpecHash(back.env));
  EXPECT_EQ(back.counters.env_steps, 12u);
  EXPECT_EQ(back.counters.wall_s, 1.5);
  EXPECT_EQ(back.acknowledged, checkpoint.acknowledged);
  ASSERT_EQ(back.state.size(), 1u);
  EXPECT_TRUE(at::equal(back.state[0].second, at::ones({2})));
}

TEST(RunCheckpoint, APolicyFileIsNone) {
  TensorFile file;
  file.metadata = {{"kind", "armature policy"}, {"format_version", "1"}};
  EXPECT_THAT(RunCheckpoint::FromFile(file).status().message(),
              HasSubstr("but 'armature policy' of format '1'"));
}

}  // namespace
}  // namespace armature
