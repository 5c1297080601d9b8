#include "learner/training/curriculum.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

EnvSpec Spec() {
  EnvSpec env;
  env.id = "walk";
  env.reports_success = true;
  env.parameters = {{"wind", -5, 5, 0}, {"slope", 0, 1, 0.5}};
  return env;
}

// Four episodes decide; 3 of 4 raise, 1 of 4 lowers.
CurriculumSection Section() {
  CurriculumSection section;
  section.parameter = "slope";
  section.episodes = 4;
  section.raise_at = 0.75;
  section.lower_at = "0.25";
  section.step = 0.1;
  section.start = "0.5";
  return section;
}

Curriculum Make(const CurriculumSection& section = Section()) {
  auto curriculum = Curriculum::Create(section, Spec());
  EXPECT_TRUE(curriculum.ok()) << curriculum.status();
  return *std::move(curriculum);
}

v1::Episode Played(double slope, bool is_success, double return_sum = 0) {
  v1::Episode episode;
  episode.set_is_success(is_success);
  episode.set_return_sum(return_sum);
  episode.add_parameter(0);
  episode.add_parameter(slope);
  return episode;
}

// Plays episodes at the present level: '1' succeeds, '0' fails. Returns how often it changed.
int Play(Curriculum* curriculum, const std::string& outcomes) {
  int changes = 0;
  for (const char outcome : outcomes) {
    changes += curriculum->Add(Played(curriculum->level(), outcome == '1')) ? 1 : 0;
  }
  return changes;
}

std::map<std::string, at::Tensor> StateOf(const Curriculum& curriculum) {
  const NamedTensors state = curriculum.State();
  return {state.begin(), state.end()};
}

TEST(Curriculum, RisesOnceEnoughEpisodesSucceed) {
  Curriculum curriculum = Make();
  EXPECT_EQ(Play(&curriculum, "111"), 0) << "too few to tell";
  EXPECT_EQ(Play(&curriculum, "0"), 1);
  EXPECT_DOUBLE_EQ(curriculum.level(), 0.6);
  EXPECT_EQ(Play(&curriculum, "111"), 0) << "those of the former level do not count";
  EXPECT_EQ(Play(&curriculum, "1"), 1);
  EXPECT_DOUBLE_EQ(curriculum.level(), 0.7);
}

TEST(Curriculum, FallsWhereFewSucceedAndHoldsInBetween) {
  Curriculum curriculum = Make();
  EXPECT_EQ(Play(&curriculum, "0101010101"), 0);
  EXPECT_EQ(curriculum.level(), 0.5);
  EXPECT_EQ(Play(&curriculum, "00"), 1) << "the last four are 0100";
  EXPECT_DOUBLE_EQ(curriculum.level(), 0.4);
  CurriculumSection never = Section();
  never.lower_at = CurriculumSection::kOff;
  Curriculum brave = Make(never);
  EXPECT_EQ(Play(&brave, "000000000000"), 0);
  EXPECT_EQ(brave.level(), 0.5);
}

TEST(Curriculum, StaysWithinItsLimitsAndEndsExactlyOnThem) {
  Curriculum curriculum = Make();
  EXPECT_EQ(Play(&curriculum, std::string(100, '1')), 5);
  EXPECT_EQ(curriculum.level(), 1);
  EXPECT_EQ(Play(&curriculum, std::string(100, '0')), 10);
  EXPECT_EQ(curriculum.level(), 0);
  CurriculumSection wide = Section();
  wide.step = 0.35;
  wide.high = "0.9";
  Curriculum rough = Make(wide);
  EXPECT_EQ(Play(&rough, std::string(100, '1')), 2);
  EXPECT_EQ(rough.level(), 0.9);
}

TEST(Curriculum, EpisodesThatBeganWithAnotherValueDoNotCount) {
  Curriculum curriculum = Make();
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(curriculum.Add(Played(0.4, true)));
    EXPECT_FALSE(curriculum.Add(Played(0.6, true)));
  }
  EXPECT_EQ(Play(&curriculum, "1111"), 1);
}

TEST(Curriculum, MayGoByReturn) {
  CurriculumSection section = Section();
  section.metric = "return";
  section.raise_at = -10;
  section.lower_at = "-50";
  Curriculum curriculum = Make(section);
  for (const double value : {-5.0, -15.0, -5.0, -16.0}) {
    EXPECT_FALSE(curriculum.Add(Played(0.5, false, value)));
  }
  EXPECT_TRUE(curriculum.Add(Played(0.5, false, -4))) << "the last four have a mean of -10";
  EXPECT_DOUBLE_EQ(curriculum.level(), 0.6);
}

TEST(Curriculum, ARestoredOneGoesOnWithTheNextEpisode) {
  Curriculum curriculum = Make();
  Play(&curriculum, "1111");
  Play(&curriculum, "011");
  Curriculum restored = Make();
  ASSERT_TRUE(restored.LoadState(StateOf(curriculum)).ok());
  EXPECT_EQ(restored.level(), curriculum.level());
  EXPECT_EQ(Play(&restored, "1"), 1);
  EXPECT_EQ(Play(&curriculum, "1"), 1);
  EXPECT_EQ(restored.level(), curriculum.level());
}

TEST(Curriculum, OtherLimitsThanBeforeHoldAndAStateWithoutOneBeginsAtTheStart) {
  Curriculum curriculum = Make();
  Play(&curriculum, "1111");
  Play(&curriculum, "111");
  CurriculumSection lower = Section();
  lower.high = "0.55";
  Curriculum restored = Make(lower);
  ASSERT_TRUE(restored.LoadState(StateOf(curriculum)).ok());
  EXPECT_EQ(restored.level(), 0.55);
  EXPECT_EQ(Play(&restored, "111"), 0) << "episodes of another level";
  EXPECT_TRUE(restored.LoadState({}).ok());
  EXPECT_EQ(restored.level(), 0.55);
}

TEST(Curriculum, ADamagedStateIsRefusedByName) {
  Curriculum curriculum = Make();
  auto state = StateOf(curriculum);
  state["curriculum.level"] = at::zeros({2}, at::kDouble);
  EXPECT_THAT(curriculum.LoadState(state).message(), HasSubstr("curriculum.level is not one"));
  state = StateOf(curriculum);
  state["curriculum.episodes"] = at::zeros({2}, at::kFloat);
  EXPECT_THAT(curriculum.LoadState(state).message(),
              HasSubstr("curriculum.episodes is not a list"));
  EXPECT_EQ(curriculum.level(), 0.5);
}

}  // namespace
}  // namespace armature
