// A learner whose rewards of other goals come from env servers.
#include <memory>

#include "absl/status/status.h"
#include "common/files/testing/test_path.h"
#include "common/run_config/run_config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/testing/experience.h"
#include "learner/testing/fake_actor.h"
#include "learner/testing/fake_reward_server.h"
#include "learner/testing/running_learner.h"

namespace armature {
namespace {

using testing::HasSubstr;
using Kind = v1::LearnerEvent;

// PointSpec's three values as goals of one.
EnvSpec GoalPointSpec() {
  EnvSpec spec = PointSpec();
  spec.observation = {{"observation", v1::DTYPE_FLOAT32, {1}, {}, {}},
                      {"achieved_goal", v1::DTYPE_FLOAT32, {1}, {}, {}},
                      {"desired_goal", v1::DTYPE_FLOAT32, {1}, {}, {}}};
  spec.goal = GoalSpec{"achieved_goal", "desired_goal"};
  return spec;
}

TEST(LearnerHindsight, HindsightLearnsWithTheEnvServersRewardsAndAnotherServersWhenOneDies) {
  RunConfig config = PointSacConfig();
  config.replay.hindsight.enabled = true;
  config.replay.hindsight.batches_ahead = 1;
  auto first = std::make_unique<FakeRewardServer>();
  FakeRewardServer second;
  RunningLearner learner(config, NewTestPath());
  FakeActor actor(learner.NewChannel(), "actor-0", 1);
  ASSERT_TRUE(actor.Join(GoalPointSpec(), {first->address(), second.address()}).ok());
  actor.Open();
  actor.Subscribe(false);
  uint64_t sequence = 0;
  actor.SendAndWait(MakeTransitions(++sequence, 8));
  const auto learn_until = [&](uint64_t learner_steps) {
    uint64_t now = 0;
    while (now < learner_steps) {
      actor.SendAndWait(MakeTransitions(++sequence, 8));
      now = actor.NextEvent(Kind::kPolicy).policy().learner_steps();
    }
    return now;
  };
  const uint64_t before = learn_until(16);
  EXPECT_GE(first->calls(), 16);
  EXPECT_EQ(second.calls(), 0);
  first.reset();
  learn_until(before + 32);
  EXPECT_GE(second.calls(), 16);
}

TEST(LearnerHindsight, AnEnvironmentThatHasNoRewardsOfOtherGoalsEndsARunWithHindsight) {
  RunConfig config = PointSacConfig();
  config.replay.hindsight.enabled = true;
  FakeRewardServer server([](const auto&, auto*) {
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "a step's was -1, theirs is -0.5");
  });
  RunningLearner learner(config, NewTestPath());
  FakeActor actor(learner.NewChannel(), "actor-0", 1);
  ASSERT_TRUE(actor.Join(GoalPointSpec(), {server.address()}).ok());
  actor.Open();
  for (uint64_t sequence = 1; sequence <= 8; ++sequence) actor.Send(MakeTransitions(sequence, 8));
  const absl::Status status = learner.Join().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("replay.hindsight.enabled=true, but rewards of other "
                                          "goals cannot be had: "));
  EXPECT_THAT(status.message(), HasSubstr("a step's was -1, theirs is -0.5"));
}

TEST(LearnerHindsight, AnEnvironmentWithoutGoalsEndsARunWithHindsight) {
  RunConfig config = PointSacConfig();
  config.replay.hindsight.enabled = true;
  RunningLearner learner(config, NewTestPath());
  const auto actor = learner.NewActor("actor-0", 1);
  const absl::Status status = learner.Join().status();
  EXPECT_EQ(status.message(),
            "replay.hindsight.enabled=true: environment \"point\" has no goals: hindsight needs "
            "them");
}

}  // namespace
}  // namespace armature
