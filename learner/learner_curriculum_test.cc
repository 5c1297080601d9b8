// A learner that raises and lowers a parameter of the environment.
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/files/atomic_file.h"
#include "common/files/testing/test_path.h"
#include "common/run_config/run_config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/testing/experience.h"
#include "learner/testing/fake_actor.h"
#include "learner/testing/running_learner.h"

namespace armature {
namespace {

using testing::HasSubstr;
using Kind = v1::LearnerEvent;

EnvSpec SlopeSpec() {
  EnvSpec spec = PointSpec();
  spec.parameters = {{"wind", -5, 5, 0}, {"slope", 0, 1, 0.5}};
  return spec;
}

// Two successes raise the slope by a quarter, two failures lower it.
RunConfig SlopeConfig() {
  RunConfig config = PointSacConfig();
  config.curriculum.parameter = "slope";
  config.curriculum.episodes = 2;
  config.curriculum.raise_at = 1;
  config.curriculum.lower_at = "0";
  config.curriculum.step = 0.25;
  return config;
}

// Sends 8 steps and one episode at a time, and reads every policy.
class SlopeActor {
 public:
  SlopeActor(const RunningLearner& learner, uint64_t incarnation)
      : actor_(learner.NewChannel(), "actor-0", incarnation) {
    const auto joined = actor_.Join(SlopeSpec());
    EXPECT_TRUE(joined.ok()) << joined.status();
    if (joined.ok()) joined_level_ = joined->parameters().at("slope");
    actor_.Open();
    actor_.Subscribe(false);
  }

  double joined_level() const { return joined_level_; }

  // Plays one episode that began at `slope`.
  void Play(double slope, bool is_success) {
    v1::ExperienceBatch batch = MakeTransitions(++sequence_, 8, 0);
    v1::Episode* episode = batch.mutable_episodes(0);
    episode->set_is_success(is_success);
    episode->add_parameter(0);
    episode->add_parameter(slope);
    EXPECT_EQ(actor_.SendAndWait(batch).refusal(), "");
  }
  // The slope that the next policy brings.
  double NextLevel() { return actor_.NextEvent(Kind::kPolicy).policy().parameters().at("slope"); }

 private:
  FakeActor actor_;
  double joined_level_ = -1;
  uint64_t sequence_ = 0;
};

// Until a policy brings `level`. Plays more, at a value that does not count, so that policies come.
void AwaitLevel(SlopeActor* actor, double level) {
  constexpr double kElsewhere = 0.9;
  for (int i = 0; i < 100; ++i) {
    if (actor->NextLevel() == level) return;
    actor->Play(kElsewhere, false);
  }
  ADD_FAILURE() << "no policy brought " << level;
}

TEST(LearnerCurriculum, RisesAndFallsWithTheEpisodesAndTellsActorsWithEachPolicy) {
  RunningLearner learner(SlopeConfig(), NewTestPath());
  SlopeActor actor(learner, 1);
  EXPECT_EQ(actor.joined_level(), 0);
  for (int i = 0; i < 3; ++i) actor.Play(0, true);  // Random steps: they do not count.
  AwaitLevel(&actor, 0);
  actor.Play(0, true);
  actor.Play(0, true);
  AwaitLevel(&actor, 0.25);
  actor.Play(0.25, true);
  actor.Play(0.25, false);
  actor.Play(0.25, false);
  AwaitLevel(&actor, 0);
}

TEST(LearnerCurriculum, AResumedRunGoesOnAtItsLevelAndLogsIt) {
  const std::string path = NewTestPath();
  {
    RunningLearner learner(SlopeConfig(), path);
    SlopeActor actor(learner, 1);
    for (int i = 0; i < 3; ++i) actor.Play(0, true);
    AwaitLevel(&actor, 0);
    actor.Play(0, true);
    actor.Play(0, true);
    AwaitLevel(&actor, 0.25);
    actor.Play(0.25, true);  // Half of the next raise.
    ASSERT_TRUE(learner.StopAndJoin().ok());
  }
  const std::string rows = ReadWholeFile(path + "/progress.csv").value();
  EXPECT_THAT(rows, HasSubstr("curriculum/slope"));
  EXPECT_THAT(rows, HasSubstr("0.25"));
  RunningLearner learner(SlopeConfig(), path, RunningLearner::Begin::kResume);
  SlopeActor actor(learner, 2);
  EXPECT_EQ(actor.joined_level(), 0.25);
  EXPECT_EQ(actor.NextLevel(), 0.25);
  actor.Play(0.25, true);
  AwaitLevel(&actor, 0.5);
}

std::string EndOf(const RunConfig& config) {
  RunningLearner learner(config, NewTestPath());
  FakeActor actor(learner.NewChannel(), "actor-0", 1);
  EXPECT_TRUE(actor.Join(SlopeSpec()).ok());
  return std::string(learner.Join().status().message());
}

TEST(LearnerCurriculum, AParameterThatTheEnvironmentDoesNotHaveEndsTheRunAndLists) {
  RunConfig config = SlopeConfig();
  config.curriculum.parameter = "height";
  EXPECT_EQ(EndOf(config),
            "curriculum.parameter: point has no parameter 'height'; it has wind, slope");
  config = PointSacConfig();
  config.evaluation.parameters = {{"height", "1"}};
  EXPECT_EQ(EndOf(config),
            "evaluation.parameters: point has no parameter 'height'; it has wind, slope");
}

}  // namespace
}  // namespace armature
