// Evaluations beside training, of the whole actor with fake peers.
#include "actor/testing/fixture/actor_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

v1::EvaluationRequest EvaluationOf(uint64_t id, uint64_t version_min) {
  v1::EvaluationRequest request;
  request.set_evaluation_id(id);
  request.set_policy_version_min(version_min);
  request.set_episodes(7);
  request.set_seed(99);
  request.set_num_envs(3);
  return request;
}

TEST_F(ActorTest, AnEvaluationRunsItsEpisodesBesideTraining) {
  FakeLearner& learner = StartLearner(OffPolicy());
  FakeEnvServer& env_server = AddEnvServer({});
  StartActor();
  env_server.AwaitSessions(1);
  learner.Evaluate(EvaluationOf(4, 1));
  learner.Publish(Policy(OffPolicy().join.policy(), 1));
  const v1::EvaluationResult result = learner.AwaitEvaluation();
  EXPECT_EQ(result.evaluation_id(), 4u);
  EXPECT_EQ(result.error(), "");
  EXPECT_EQ(result.policy_version(), 1u);
  ASSERT_EQ(result.episodes_size(), 7);
  for (const v1::Episode& episode : result.episodes()) EXPECT_EQ(episode.length(), kHorizon);
  EXPECT_TRUE(Finish().ok());
  const v1::OpenSession open = env_server.opened()[1];
  EXPECT_EQ(open.seed(), 99u);
  EXPECT_EQ(open.num_envs(), 3u);
  EXPECT_EQ(env_server.bad_actions(), 0);
}

TEST_F(ActorTest, AnEvaluationOfEpisodesThatDoNotEndCutsThem) {
  FakeLearner& learner = StartLearner(OffPolicy());
  FakeEnvServer::Options endless;
  endless.horizon = 0;
  AddEnvServer(endless);
  StartActor();
  v1::EvaluationRequest request = EvaluationOf(4, 1);
  request.set_episode_steps_max(6);
  learner.Evaluate(request);
  learner.Publish(Policy(OffPolicy().join.policy(), 1));
  const v1::EvaluationResult result = learner.AwaitEvaluation();
  EXPECT_EQ(result.error(), "");
  ASSERT_EQ(result.episodes_size(), 7);
  for (const v1::Episode& episode : result.episodes()) {
    EXPECT_TRUE(episode.cut());
    EXPECT_EQ(episode.length(), 6u);
    EXPECT_EQ(episode.return_sum(), 21) << "each begins anew";
  }
  EXPECT_TRUE(Finish().ok());
}

TEST_F(ActorTest, AnEvaluationThatIsAskedForAgainGoesOnAndIsReportedAsTheNewest) {
  FakeLearner& learner = StartLearner(OffPolicy());
  FakeEnvServer& env_server = AddEnvServer({});
  learner.Publish(Policy(OffPolicy().join.policy(), 1));
  StartActor();
  env_server.AwaitSessions(1);
  learner.AwaitBatches(5);
  env_server.HoldSteps();
  learner.Evaluate(EvaluationOf(8, 1));
  env_server.AwaitSessions(2);
  EXPECT_EQ(learner.AwaitHeartbeat().evaluation_id(), 8u);
  learner.Evaluate(EvaluationOf(9, 1));
  EXPECT_EQ(learner.AwaitHeartbeat().evaluation_id(), 9u);
  env_server.ReleaseSteps();
  const v1::EvaluationResult result = learner.AwaitEvaluation();
  EXPECT_EQ(result.evaluation_id(), 9u);
  EXPECT_EQ(result.episodes_size(), 7);
  EXPECT_TRUE(Finish().ok());
  EXPECT_EQ(env_server.opened().size(), 2u) << "it began anew";
}

TEST_F(ActorTest, AnEvaluationThatLosesItsServerReportsTheError) {
  FakeLearner& learner = StartLearner(OffPolicy());
  FakeEnvServer& env_server = AddEnvServer({});
  learner.Publish(Policy(OffPolicy().join.policy(), 1));
  StartActor();
  env_server.AwaitSessions(1);
  learner.AwaitBatches(5);
  env_server.HoldSteps();
  learner.Evaluate(EvaluationOf(8, 1));
  env_server.AwaitSessions(2);
  env_server.Stop();
  const v1::EvaluationResult result = learner.AwaitEvaluation();
  EXPECT_EQ(result.evaluation_id(), 8u);
  EXPECT_EQ(result.episodes_size(), 0);
  EXPECT_THAT(result.error(), HasSubstr(env_server.address()));
  EXPECT_TRUE(Finish().ok());
}

}  // namespace
}  // namespace armature
