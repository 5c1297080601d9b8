#include "learner/replay/trajectory_buffer.h"

#include <vector>

#include "ATen/ATen.h"
#include "common/tensor/packed.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr int64_t kSteps = 4;

// An unroll of `slots` slots numbered from `first_slot`, with some ends. Values identify step and
// slot: reward = 100 t + slot; the final observation of an ended step is [reward].
Trajectory MakeTrajectory(uint64_t grant_id, uint64_t policy_version, int64_t first_slot,
                          int64_t slots) {
  Trajectory trajectory;
  trajectory.grant_id = grant_id;
  trajectory.policy_version = policy_version;
  const at::Tensor slot = at::arange(first_slot, first_slot + slots, at::kFloat);
  const at::Tensor code = 100 * at::arange(kSteps + 1, at::kFloat).unsqueeze(1) + slot;
  trajectory.observation = code.unsqueeze(2);
  trajectory.reward = code.narrow(0, 0, kSteps).contiguous();
  trajectory.action = at::stack({trajectory.reward, -trajectory.reward}, 2);
  trajectory.terminated = (at::remainder(trajectory.reward, 3) == 0).to(at::kFloat);
  trajectory.truncated = (at::remainder(trajectory.reward, 3) == 1).to(at::kFloat);
  trajectory.valid = (at::remainder(trajectory.reward, 5) != 0).to(at::kFloat);
  trajectory.behaviour_log_prob = -trajectory.reward;
  const at::Tensor ended = at::maximum(trajectory.terminated, trajectory.truncated) > 0;
  trajectory.final_observation = trajectory.reward.masked_select(ended).unsqueeze(1);
  return trajectory;
}

TEST(TrajectoryBufferTest, SetIsTheUnrollsSideBySideInOrderOfGrants) {
  TrajectoryBuffer buffer({/*rollout_steps=*/24, /*max_policy_lag=*/0, c10::kCPU});
  EXPECT_TRUE(buffer.Add(MakeTrajectory(7, 1, 3, 1), 1));
  EXPECT_TRUE(buffer.Add(MakeTrajectory(9, 1, 4, 2), 1));
  EXPECT_FALSE(buffer.ready());
  EXPECT_TRUE(buffer.Add(MakeTrajectory(2, 1, 0, 3), 1));
  EXPECT_TRUE(buffer.ready());
  EXPECT_EQ(buffer.steps(), 24);
  const TrajectorySet set = buffer.Take();

  const Trajectory whole = MakeTrajectory(0, 1, 0, 6);
  EXPECT_TRUE(at::equal(set.observation, whole.observation));
  EXPECT_TRUE(at::equal(set.action, whole.action));
  EXPECT_TRUE(at::equal(set.reward, whole.reward));
  EXPECT_TRUE(at::equal(set.terminated, whole.terminated));
  EXPECT_TRUE(at::equal(set.truncated, whole.truncated));
  EXPECT_TRUE(at::equal(set.valid, whole.valid));
  EXPECT_TRUE(at::equal(set.behaviour_log_prob, whole.behaviour_log_prob));
  // Row-major order of the joint [T, N], not of each unroll.
  EXPECT_TRUE(at::equal(set.final_observation, whole.final_observation));
  EXPECT_EQ(buffer.steps(), 0);
  EXPECT_FALSE(buffer.ready());
}

TEST(TrajectoryBufferTest, WithoutEndsThereAreNoFinalObservations) {
  TrajectoryBuffer buffer({8, 0, c10::kCPU});
  for (uint64_t grant = 1; grant <= 2; ++grant) {
    Trajectory trajectory = MakeTrajectory(grant, 1, 0, 1);
    trajectory.terminated.zero_();
    trajectory.truncated.zero_();
    trajectory.final_observation = at::empty({0, 1});
    EXPECT_TRUE(buffer.Add(trajectory, 1));
  }
  EXPECT_EQ(buffer.Take().final_observation.sizes(), (at::IntArrayRef{0, 1}));
}

TEST(TrajectoryBufferTest, UnrollsOlderThanTheLagAreDroppedAndCounted) {
  TrajectoryBuffer buffer({16, /*max_policy_lag=*/2, c10::kCPU});
  EXPECT_FALSE(buffer.Add(MakeTrajectory(1, 3, 0, 1), 6));
  EXPECT_TRUE(buffer.Add(MakeTrajectory(2, 4, 1, 1), 6));
  EXPECT_TRUE(buffer.Add(MakeTrajectory(3, 5, 2, 1), 6));
  EXPECT_EQ(buffer.dropped(), 1);
  EXPECT_EQ(buffer.steps(), 2 * kSteps);
  buffer.DropStale(7);
  EXPECT_EQ(buffer.dropped(), 2);
  EXPECT_EQ(buffer.steps(), kSteps);
  buffer.DropStale(7);
  EXPECT_EQ(buffer.dropped(), 2);
  for (uint64_t grant = 4; grant < 7; ++grant) buffer.Add(MakeTrajectory(grant, 7, 5, 1), 7);
  EXPECT_TRUE(buffer.ready());
  EXPECT_EQ(buffer.Take().reward[0][0].item<float>(), 2);
}

TEST(UnpackTrajectoryTest, TensorsAreThoseOfTheMessage) {
  const Trajectory expected = MakeTrajectory(5, 8, 0, 2);
  v1::TrajectoryBatch batch;
  batch.set_grant_id(5);
  batch.set_policy_version(8);
  auto set_floats = [](const at::Tensor& from, v1::Tensor* to) {
    SetTensor<float>(from.sizes(), absl::MakeConstSpan(from.const_data_ptr<float>(), from.numel()),
                     to);
  };
  auto set_flags = [](const at::Tensor& from, v1::Tensor* to) {
    const at::Tensor flags = from.to(at::kByte);
    SetTensor<uint8_t>(flags.sizes(),
                       absl::MakeConstSpan(flags.const_data_ptr<uint8_t>(), flags.numel()), to);
  };
  set_floats(expected.observation, batch.mutable_observation());
  set_floats(expected.action, batch.mutable_action());
  set_floats(expected.reward, batch.mutable_reward());
  set_flags(expected.terminated, batch.mutable_terminated());
  set_flags(expected.truncated, batch.mutable_truncated());
  set_flags(expected.valid, batch.mutable_valid());
  set_floats(expected.behaviour_log_prob, batch.mutable_behaviour_log_prob());
  set_floats(expected.final_observation, batch.mutable_final_observation());
  const Trajectory actual = UnpackTrajectory(batch);
  EXPECT_EQ(actual.grant_id, 5u);
  EXPECT_EQ(actual.policy_version, 8u);
  for (auto member : {&Trajectory::observation, &Trajectory::action, &Trajectory::reward,
                      &Trajectory::terminated, &Trajectory::truncated, &Trajectory::valid,
                      &Trajectory::behaviour_log_prob, &Trajectory::final_observation}) {
    EXPECT_TRUE(at::equal(actual.*member, expected.*member));
  }
}

}  // namespace
}  // namespace armature
