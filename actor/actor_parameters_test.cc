// Parameters of the environment and metrics of episodes, of the whole actor with fake peers.
#include <vector>

#include "actor/testing/fixture/actor_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

FakeEnvServer::Options WithLevel() {
  FakeEnvServer::Options options;
  options.has_level = true;
  return options;
}

v1::PolicyUpdate PolicyAt(uint64_t version, double level) {
  v1::PolicyUpdate update = Policy(OffPolicy().join.policy(), version);
  (*update.mutable_parameters())["level"] = level;
  return update;
}

// Waits until an episode that began at `level` has come.
v1::Episode AwaitEpisodeAt(FakeLearner* learner, double level) {
  for (size_t count = 1;; ++count) {
    for (const v1::ExperienceBatch& batch : learner->AwaitBatches(count)) {
      for (const v1::Episode& episode : batch.episodes()) {
        if (episode.parameter(0) == level) return episode;
      }
    }
  }
}

TEST_F(ActorTest, PoliciesBringTheParametersOfTheNextEpisodes) {
  FakeLearner::Options options = OffPolicy();
  (*options.join.mutable_parameters())["level"] = 0.25;
  FakeLearner& learner = StartLearner(options);
  FakeEnvServer& env_server = AddEnvServer(WithLevel());
  StartActor();
  const v1::Episode first = AwaitEpisodeAt(&learner, 0.25);
  EXPECT_EQ(first.length(), kHorizon);
  ASSERT_EQ(first.metric_size(), 1);
  EXPECT_EQ(first.metric(0), first.return_sum());
  EXPECT_EQ(env_server.opened().at(0).parameters().at("level"), 0.25);
  learner.Publish(PolicyAt(1, 0.75));
  AwaitEpisodeAt(&learner, 0.75);
  EXPECT_TRUE(Finish().ok());
  EXPECT_EQ(env_server.opened().size(), 1u) << "no session was opened anew";
}

TEST_F(ActorTest, ASessionThatIsOpenedLaterHasTheParametersToo) {
  FakeLearner& learner = StartLearner(OffPolicy());
  FakeEnvServer& env_server = AddEnvServer(WithLevel());
  StartActor();
  AwaitEpisodeAt(&learner, 0.5);
  EXPECT_TRUE(env_server.opened().at(0).parameters().empty()) << "the initial ones";
  learner.Publish(PolicyAt(1, 0.75));
  AwaitEpisodeAt(&learner, 0.75);
  env_server.Stop();
  env_server.Start();
  env_server.AwaitSessions(2);
  EXPECT_EQ(env_server.opened().at(1).parameters().at("level"), 0.75);
  EXPECT_TRUE(Finish().ok());
}

TEST_F(ActorTest, APolicyWithParametersThatDoNotFitIsRefusedWhole) {
  FakeLearner& learner = StartLearner(OffPolicy());
  FakeEnvServer& env_server = AddEnvServer(WithLevel());
  learner.Publish(PolicyAt(1, 7));
  StartActor();
  AwaitEpisodeAt(&learner, 0.5);
  learner.Publish(PolicyAt(2, 1));
  AwaitEpisodeAt(&learner, 1);
  EXPECT_TRUE(Finish().ok());
  EXPECT_EQ(env_server.opened().size(), 1u) << "its value would have ended the session";
}

TEST_F(ActorTest, AnEvaluationsEpisodesHaveItsParametersAndTrainingsKeepTheirs) {
  FakeLearner& learner = StartLearner(OffPolicy());
  FakeEnvServer& env_server = AddEnvServer(WithLevel());
  learner.Publish(PolicyAt(1, 0.75));
  StartActor();
  AwaitEpisodeAt(&learner, 0.75);
  v1::EvaluationRequest request;
  request.set_evaluation_id(4);
  request.set_policy_version_min(1);
  request.set_episodes(3);
  request.set_num_envs(3);
  (*request.mutable_parameters())["level"] = 0;
  learner.Evaluate(request);
  const v1::EvaluationResult result = learner.AwaitEvaluation();
  EXPECT_EQ(result.error(), "");
  ASSERT_EQ(result.episodes_size(), 3);
  for (const v1::Episode& episode : result.episodes()) {
    EXPECT_THAT(episode.parameter(), testing::ElementsAre(0));
    EXPECT_THAT(episode.metric(), testing::ElementsAre(episode.return_sum()));
  }
  EXPECT_TRUE(Finish().ok());
  EXPECT_EQ(env_server.opened().at(1).parameters().at("level"), 0);
}

}  // namespace
}  // namespace armature
