// How an actor ends: with the run, when it is stopped, or because a peer is missing.
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "actor/testing/fixture/actor_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

TEST_F(ActorTest, TheEndOfTheRunSendsWhatIsLeft) {
  FakeLearner& learner = StartLearner(OffPolicy());
  AddEnvServer({});
  StartActor();
  learner.AwaitBatches(5);
  learner.EndRun();
  EXPECT_TRUE(Join().ok());
  EXPECT_EQ(metrics_.unacked_batches.value(), 0);
  const auto batches = learner.AwaitBatches(5);
  EXPECT_EQ(CheckTransitions(batches).size(), metrics_.env_steps.value());
}

TEST_F(ActorTest, StoppingIsQuickEvenWhileTheLearnerIsAwayOrSilent) {
  FakeLearner& learner = StartLearner(OffPolicy());
  AddEnvServer({});
  learner.LimitAcks(0);
  StartActor();
  learner.AwaitRead(3);
  const absl::Time begin = absl::Now();
  EXPECT_TRUE(Finish().ok());
  EXPECT_LT(absl::Now() - begin, absl::Seconds(4));
}

TEST_F(ActorTest, StoppingBeforeAnybodyAnswersIsQuick) {
  learner_ = std::make_unique<FakeLearner>(OffPolicy());  // Not started.
  AddEnvServer({}, /*start=*/false);
  StartActor();
  const absl::Time begin = absl::Now();
  EXPECT_TRUE(Finish().ok());
  EXPECT_LT(absl::Now() - begin, absl::Seconds(2));
}

TEST_F(ActorTest, GivesUpWithOneLineWhenTheLearnerIsNotThere) {
  learner_ = std::make_unique<FakeLearner>(OffPolicy());
  AddEnvServer({});
  options_.connect_timeout = absl::Milliseconds(300);
  StartActor();
  const absl::Status status = Join();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr(absl::StrCat("learner ", learner_->address(),
                                                       " did not answer within 300ms")));
}

TEST_F(ActorTest, GivesUpWithOneLineWhenNoEnvServerIsThere) {
  StartLearner(OffPolicy());
  FakeEnvServer& env_server = AddEnvServer({}, /*start=*/false);
  options_.connect_timeout = absl::Milliseconds(300);
  StartActor();
  const absl::Status status = Join();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr(absl::StrCat("env servers ", env_server.address(),
                                                       " did not answer within 300ms")));
}

TEST_F(ActorTest, GivesUpWhenTheLearnerDoesNotReturn) {
  FakeLearner& learner = StartLearner(OffPolicy());
  AddEnvServer({});
  options_.reconnect_timeout = absl::Milliseconds(300);
  StartActor();
  learner.AwaitBatches(3);
  learner.Stop();
  const absl::Status status = Join();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("the learner did not return within 300ms"));
}

TEST_F(ActorTest, AnEnvironmentThatNobodyHostsIsOneClearLine) {
  FakeLearner::Options options = OffPolicy();
  options.join.set_env_id("panda_flies");
  StartLearner(options);
  FakeEnvServer& env_server = AddEnvServer({});
  StartActor();
  const absl::Status status = Join();
  EXPECT_EQ(status.message(), absl::StrCat("env server ", env_server.address(),
                                           ": no environment 'panda_flies'; hosted: line"));
}

TEST_F(ActorTest, WhenAllEnvServersRefuseForGoodTheActorSaysSoAndEnds) {
  StartLearner(OffPolicy());
  FakeEnvServer::Options options;
  options.refusal = absl::FailedPreconditionError("handshake.protocol_version: expected 2, got 1");
  FakeEnvServer& env_server = AddEnvServer(options);
  StartActor();
  const absl::Status status = Join();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), absl::StrCat("env server ", env_server.address(),
                                           ": handshake.protocol_version: expected 2, got 1"));
}

}  // namespace
}  // namespace armature
