#include "learner/intake/experience_check.h"

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/tensor/packed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/testing/experience.h"

namespace armature {
namespace {

using testing::HasSubstr;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr uint64_t kNewest = 5;

void SetFloat(v1::Tensor* tensor, size_t index, float value) {
  tensor->mutable_packed()->replace(index * sizeof(value), sizeof(value),
                                    reinterpret_cast<const char*>(&value), sizeof(value));
}

// A defect and the words that must be in its message.
struct Defect {
  std::function<void(v1::ExperienceBatch*)> make;
  std::string words;
};

void ExpectRefusals(const ExperienceSchema& schema, const v1::ExperienceBatch& good,
                    const std::vector<Defect>& defects) {
  ASSERT_TRUE(CheckExperience(schema, kNewest, good).ok())
      << CheckExperience(schema, kNewest, good);
  for (const Defect& defect : defects) {
    v1::ExperienceBatch bad = good;
    defect.make(&bad);
    const absl::Status status = CheckExperience(schema, kNewest, bad);
    EXPECT_FALSE(status.ok()) << defect.words;
    EXPECT_THAT(status.message(), HasSubstr(defect.words));
  }
}

TEST(ExperienceCheck, EveryDefectOfTransitionsIsNamed) {
  ExpectRefusals(
      PointSchema(v1::COLLECT_MODE_TRANSITIONS), MakeTransitions(1, 4, kNewest),
      {{[](auto* b) { SetFloat(b->mutable_transitions()->mutable_observation(), 7, kNaN); },
        "transitions.observation[2,1]"},
       {[](auto* b) { SetFloat(b->mutable_transitions()->mutable_next_observation(), 0, kNaN); },
        "transitions.next_observation[0,0]"},
       {[](auto* b) { SetFloat(b->mutable_transitions()->mutable_reward(), 3, 1 / 0.0f); },
        "transitions.reward[3]"},
       {[](auto* b) { b->mutable_transitions()->mutable_action()->set_shape(1, 3); },
        "transitions.action"},
       {[](auto* b) { b->mutable_transitions()->mutable_action()->mutable_packed()->pop_back(); },
        "transitions.action"},
       {[](auto* b) { (*b->mutable_transitions()->mutable_terminated()->mutable_packed())[2] = 2; },
        "transitions.terminated: holds 2"},
       {[](auto* b) { b->mutable_transitions()->mutable_truncated()->set_dtype(v1::DTYPE_INT32); },
        "transitions.truncated"},
       {[](auto* b) { b->mutable_transitions()->clear_slot(); }, "transitions.slot"},
       {[](auto* b) { b->mutable_transitions()->clear_reward(); }, "transitions.reward"},
       {[](auto* b) { *b = MakeTransitions(1, 9); }, "9 rows"},
       {[](auto* b) { *b = MakeTransitions(1, 4, kNewest + 1); },
        "transitions.policy_version[0]=6 is newer than the newest published version 5"},
       {[](auto* b) { *b = MakeTransitions(1, 4, ~uint64_t{0}); }, "is negative"},
       {[](auto* b) { b->set_restarted_slots(~uint64_t{0}); }, "restarted_slots=184467440737"},
       {[](auto* b) {
          SetTensor<int32_t>({4}, std::vector<int32_t>{0, 3, -1, 1},
                             b->mutable_transitions()->mutable_slot());
        },
        "transitions.slot[2]=-1, but an actor has 4 slots"},
       {[](auto* b) {
          SetTensor<int32_t>({4}, std::vector<int32_t>{0, 3, 2, 4},
                             b->mutable_transitions()->mutable_slot());
        },
        "transitions.slot[3]=4"},
       {[](auto* b) { b->mutable_episodes(0)->set_return_sum(kNaN); }, "episodes[0].return_sum"},
       {[](auto* b) { b->mutable_episodes(0)->set_length(0); }, "episodes[0].length=0"},
       {[](auto* b) { b->mutable_episodes(0)->set_length(11); },
        "episodes[0].length=11, expected 1 .. 10, the environment's horizon"},
       {[](auto* b) {
          while (b->episodes_size() < 17) *b->add_episodes() = b->episodes(0);
        },
        "episodes: 17 came with 4 steps, expected at most 16"},
       {[](auto* b) { *b = MakeTrajectory(1, 2, 1, 1); }, "no transitions"},
       {[](auto* b) { b->clear_experience(); }, "no transitions"}});
}

TEST(ExperienceCheck, EveryDefectOfATrajectoryIsNamed) {
  ExpectRefusals(
      PointSchema(v1::COLLECT_MODE_TRAJECTORIES), MakeTrajectory(1, 2, 1, kNewest),
      {{[](auto* b) { SetFloat(b->mutable_trajectory()->mutable_observation(), 29, kNaN); },
        "trajectory.observation[4,1,2]"},
       {[](auto* b) { SetFloat(b->mutable_trajectory()->mutable_behaviour_log_prob(), 0, kNaN); },
        "trajectory.behaviour_log_prob[0,0]"},
       {[](auto* b) { (*b->mutable_trajectory()->mutable_valid()->mutable_packed())[1] = 7; },
        "trajectory.valid: holds 7"},
       // One more ended step than final observations.
       {[](auto* b) { (*b->mutable_trajectory()->mutable_truncated()->mutable_packed())[0] = 1; },
        "trajectory.final_observation"},
       {[](auto* b) { *b = MakeTrajectory(1, 5, 1, 1); }, "trajectory.reward has 5 columns"},
       {[](auto* b) { b->mutable_trajectory()->clear_reward(); }, "trajectory.reward"},
       {[](auto* b) { b->mutable_trajectory()->set_policy_version(kNewest + 1); },
        "trajectory.policy_version=6"},
       {[](auto* b) { *b = MakeTransitions(1, 4); }, "no trajectory"}});
}

TEST(ExperienceCheck, AReturnIsWithinTheRewardBoundsOfItsSteps) {
  const EpisodeBounds bounds = {/*horizon=*/0, /*reward_low=*/-1, /*reward_high=*/0.5};
  v1::Episode episode;
  episode.set_length(1000);
  for (const double fits : {-1000.0, 0.0, 500.0, 500.01}) {  // Rounded once per step.
    episode.set_return_sum(fits);
    EXPECT_TRUE(CheckEpisode(bounds, episode, "episode").ok()) << fits;
    EXPECT_TRUE(CheckEpisode(EpisodeBounds(), episode, "episode").ok()) << fits;
  }
  for (const double beyond : {-1001.0, 501.0, 1e9}) {
    episode.set_return_sum(beyond);
    EXPECT_THAT(CheckEpisode(bounds, episode, "episode").message(),
                HasSubstr("expected -1000 .. 500 by the environment's reward bounds"));
    EXPECT_TRUE(CheckEpisode(EpisodeBounds(), episode, "episode").ok()) << "no bounds";
  }
}

TEST(ExperienceCheck, AnEpisodeHasTheSpecsMetricsAndParametersFiniteAndWithinTheirLimits) {
  EnvSpec env = PointSpec();
  env.metrics = {{"reward/near", v1::MetricSpec::AGGREGATION_SUM},
                 {"terminated/fell", v1::MetricSpec::AGGREGATION_LAST}};
  env.parameters = {{"slope", 0, 1, 0}};
  const auto problem = [bounds = EpisodeBounds::Of(env)](std::vector<float> metric,
                                                         std::vector<double> parameter) {
    v1::Episode episode;
    episode.set_length(1);
    episode.mutable_metric()->Add(metric.begin(), metric.end());
    episode.mutable_parameter()->Add(parameter.begin(), parameter.end());
    return std::string(CheckEpisode(bounds, episode, "episode").message());
  };
  EXPECT_EQ(problem({1, 0}, {1}), "");
  EXPECT_EQ(problem({1}, {1}), "episode.metric has 1 values, expected 2");
  EXPECT_EQ(problem({1, kNaN}, {1}), "episode.metric[1] (terminated/fell) is not finite");
  EXPECT_EQ(problem({1, 0}, {}), "episode.parameter has 0 values, expected 1");
  EXPECT_EQ(problem({1, 0}, {1.5}), "episode.parameter[0] (slope)=1.5, expected 0 .. 1");
  EXPECT_EQ(problem({1, 0}, {kNaN}), "episode.parameter[0] (slope)=nan, expected 0 .. 1");
}

TEST(ExperienceCheck, GoalExtrasComeWithEveryTransitionIfTheGoalHasThem) {
  ExperienceSchema schema = PointSchema(v1::COLLECT_MODE_TRANSITIONS);
  v1::ExperienceBatch good = MakeTransitions(1, 2);
  const v1::ExperienceBatch without = good;
  SetTensor<float>({2, 3}, std::vector<float>(6, 1),
                   good.mutable_transitions()->mutable_goal_extra());
  ExpectRefusals(schema, without, {{[&](auto* b) { *b = good; }, "transitions.goal_extra is set"}});
  schema.goal_extra_size = 3;
  ExpectRefusals(
      schema, good,
      {{[](auto* b) { b->mutable_transitions()->clear_goal_extra(); }, "transitions.goal_extra"},
       {[](auto* b) { SetFloat(b->mutable_transitions()->mutable_goal_extra(), 4, kNaN); },
        "transitions.goal_extra[1,1] is nan"}});
}

TEST(ExperienceCheck, ADiscreteActionMustBeOneOfTheChoices) {
  ExperienceSchema schema = PointSchema(v1::COLLECT_MODE_TRAJECTORIES);
  schema.action = {};
  schema.action.choices = {3};
  v1::ExperienceBatch good = MakeTrajectory(1, 2, 1, 1);
  SetTensor<float>({4, 2, 1}, std::vector<float>{0, 1, 2, 0, 1, 2, 0, 1},
                   good.mutable_trajectory()->mutable_action());
  std::vector<Defect> defects;
  for (const float value : {-1.0f, 3.0f, 0.5f}) {
    defects.push_back(
        {[value](auto* b) { SetFloat(b->mutable_trajectory()->mutable_action(), 3, value); },
         "trajectory.action[1,1,0]"});
  }
  ExpectRefusals(schema, good, defects);

  schema.action.choices = {3, 2};
  SetTensor<float>({4, 2, 2}, std::vector<float>{0, 1, 2, 0, 1, 1, 0, 1, 0, 1, 2, 0, 1, 1, 0, 1},
                   good.mutable_trajectory()->mutable_action());
  ExpectRefusals(schema, good,
                 {{[](auto* b) { SetFloat(b->mutable_trajectory()->mutable_action(), 3, 2); },
                   "trajectory.action[0,1,1]=2 is none of the 2 choices 0 .. 1"}});
}

TEST(ExperienceCheck, CountsStepsAndFindsTheOldestPolicy) {
  v1::ExperienceBatch batch = MakeTransitions(1, 3);
  SetTensor<int64_t>({3}, std::vector<int64_t>{4, 2, 5},
                     batch.mutable_transitions()->mutable_policy_version());
  EXPECT_EQ(ExperienceSteps(batch), 3);
  EXPECT_EQ(OldestPolicyVersion(batch), 2u);
  EXPECT_EQ(ExperienceSteps(MakeTrajectory(1, 2, 1, 7)), 8);
  EXPECT_EQ(OldestPolicyVersion(MakeTrajectory(1, 2, 1, 7)), 7u);
  EXPECT_EQ(ExperienceSteps(v1::ExperienceBatch()), 0);
}

TEST(ExperienceCheck, ABatchWithoutExperienceTellsOfVoidSteps) {
  const ExperienceSchema schema = PointSchema(v1::COLLECT_MODE_TRANSITIONS);
  v1::ExperienceBatch batch;
  batch.set_sequence(1);
  EXPECT_FALSE(IsVoid(batch));
  EXPECT_EQ(CheckExperience(schema, kNewest, batch).message(),
            "experience holds no transitions, which this run collects");
  batch.set_restarted_slots(4);
  batch.set_fault("slot 3: reward is None");
  EXPECT_TRUE(IsVoid(batch));
  EXPECT_TRUE(CheckExperience(schema, kNewest, batch).ok());
  EXPECT_EQ(OldestPolicyVersion(batch), 0u);
  batch.set_fault(std::string(1025, '?'));
  EXPECT_EQ(CheckExperience(schema, kNewest, batch).message(),
            "fault has 1025 bytes, expected at most 1024");
}

}  // namespace
}  // namespace armature
