// Trajectories and the grants that they are collected on, of the whole actor with fake peers.
#include <algorithm>
#include <set>

#include "actor/testing/fixture/actor_fixture.h"
#include "common/tensor/packed.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

TEST_F(ActorTest, TrajectoriesBeginOnAGrantWithAPolicyAsNewAsItDemands) {
  FakeLearner::Options options = OnPolicy();
  options.grants = false;
  FakeLearner& learner = StartLearner(options);
  FakeEnvServer& env_server = AddEnvServer({FakeEnvServer::Options{5, /*lease_s=*/0.3}});
  StartActor();
  const v1::CollectRequest first = learner.AwaitCollectRequest();
  const v1::CollectRequest second = learner.AwaitCollectRequest();
  EXPECT_EQ(std::set<uint64_t>({first.group(), second.group()}), std::set<uint64_t>({0, 1}));
  EXPECT_EQ(first.steps(), 8u);  // T = 4, two slots.
  learner.Publish(Policy(options.join.policy(), 1));
  env_server.AwaitHeartbeats(2);
  EXPECT_EQ(metrics_.env_steps.value(), 0) << "no step without a grant";
  v1::CollectGrant grant;
  grant.set_group(second.group());
  grant.set_grant_id(77);
  grant.set_policy_version_min(2);
  learner.Grant(grant);
  env_server.AwaitHeartbeats(4);
  EXPECT_EQ(metrics_.env_steps.value(), 0) << "no step with an older policy";
  EXPECT_GT(metrics_.wait_grant.value(), 0);
  learner.Publish(Policy(options.join.policy(), 2));
  const v1::ExperienceBatch batch = learner.AwaitBatches(1)[0];
  const v1::TrajectoryBatch& trajectory = batch.trajectory();
  EXPECT_EQ(trajectory.grant_id(), 77u);
  EXPECT_EQ(trajectory.policy_version(), 2u);
  EXPECT_TRUE(
      CheckTensor(trajectory.observation(), v1::DTYPE_FLOAT32, {5, 2, kD}, "observation").ok());
  EXPECT_TRUE(CheckTensor(trajectory.action(), v1::DTYPE_FLOAT32, {4, 2, 2}, "action").ok());
  EXPECT_EQ(learner.AwaitCollectRequest().group(), second.group()) << "asks again at once";
  EXPECT_TRUE(Finish().ok());
}

TEST_F(ActorTest, TrajectoriesFollowEachOtherWithoutAGap) {
  FakeLearner::Options options = OnPolicy();
  FakeLearner& learner = StartLearner(options);
  AddEnvServer({});
  learner.Publish(Policy(options.join.policy(), 1));
  StartActor();
  const auto batches = learner.AwaitBatches(20);
  EXPECT_TRUE(Finish().ok());
  // Horizon 5, T = 4: the rewards (the clock) continue across trajectories.
  int64_t episodes = 0, ends = 0;
  for (const v1::ExperienceBatch& batch : batches) {
    const auto observation = TensorValues<float>(batch.trajectory().observation());
    const auto reward = TensorValues<float>(batch.trajectory().reward());
    const auto truncated = TensorValues<uint8_t>(batch.trajectory().truncated());
    for (int64_t t = 0; t < 4; ++t) {
      for (int64_t slot = 0; slot < 2; ++slot) {
        const int64_t i = t * 2 + slot;
        EXPECT_EQ(reward[i], observation[i * kD + 2] + 1);
        EXPECT_EQ(truncated[i], reward[i] == kHorizon);
        const float after = observation[(i + 2) * kD + 2];
        EXPECT_EQ(after, truncated[i] ? 0 : reward[i]);
        ends += truncated[i];
      }
    }
    EXPECT_EQ(batch.trajectory().final_observation().shape(0),
              std::count(truncated.begin(), truncated.end(), 1));
    episodes += batch.episodes_size();
  }
  EXPECT_GE(episodes, ends);
  EXPECT_LE(episodes, ends + 2) << "the other group's, in a trajectory still to come";
}

TEST_F(ActorTest, ARestartedLearnerIsAskedForGrantsAgain) {
  FakeLearner::Options options = OnPolicy();
  options.grants = false;
  FakeLearner& learner = StartLearner(options);
  AddEnvServer({});
  learner.Publish(Policy(options.join.policy(), 1));
  StartActor();
  learner.AwaitCollectRequest();
  learner.AwaitCollectRequest();
  learner.Stop();
  learner.Start();
  const v1::CollectRequest again = learner.AwaitCollectRequest();
  v1::CollectGrant grant;
  grant.set_group(again.group());
  grant.set_grant_id(1);
  learner.Grant(grant);
  EXPECT_EQ(learner.AwaitBatches(1)[0].trajectory().grant_id(), 1u);
  EXPECT_TRUE(Finish().ok());
}

TEST_F(ActorTest, ALostTrajectoryIsBegunAnewUnderItsGrant) {
  FakeLearner::Options options = OnPolicy();
  options.grants = false;
  FakeLearner& learner = StartLearner(options);
  FakeEnvServer& env_server = AddEnvServer({});
  learner.Publish(Policy(options.join.policy(), 1));
  StartActor();
  const v1::CollectRequest request = learner.AwaitCollectRequest();
  env_server.HoldSteps();
  v1::CollectGrant grant;
  grant.set_group(request.group());
  grant.set_grant_id(5);
  learner.Grant(grant);
  env_server.Stop();
  env_server.ReleaseSteps();
  env_server.Start();
  const v1::TrajectoryBatch trajectory = learner.AwaitBatches(1)[0].trajectory();
  EXPECT_EQ(trajectory.grant_id(), 5u);
  const auto observation = TensorValues<float>(trajectory.observation());
  EXPECT_EQ(observation[0], 2) << "all of it is from the second session";
  EXPECT_EQ(observation[2], 0);
  EXPECT_TRUE(Finish().ok());
}

TEST_F(ActorTest, HeartbeatsNameTheGrantsThatAreAtWork) {
  FakeLearner::Options options = OnPolicy();
  options.grants = false;
  FakeLearner& learner = StartLearner(options);
  AddEnvServer({});
  StartActor();
  v1::CollectGrant grant;
  grant.set_group(learner.AwaitCollectRequest().group());
  grant.set_grant_id(uint64_t{1} << 63);
  grant.set_policy_version_min(1);
  learner.Grant(grant);
  const v1::ExperienceRequest::Heartbeat heartbeat = learner.AwaitHeartbeat();
  ASSERT_EQ(heartbeat.grant_id_size(), 1);
  EXPECT_EQ(heartbeat.grant_id(0), grant.grant_id());
  EXPECT_TRUE(Finish().ok());
}

}  // namespace
}  // namespace armature
