#include "deploy/verbs/episode_printer.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

EnvSpec Spec() {
  EnvSpec spec;
  spec.id = "line";
  spec.observation = {{"x", v1::DTYPE_FLOAT32, {1}, {}, {}}};
  spec.action.choices = {2};
  spec.control_period_s = 1;
  return spec;
}

DecodedStep StepOf(uint64_t number) {
  DecodedStep step;
  step.step = number;
  step.observation = {static_cast<float>(number)};
  step.reward = {1};
  step.terminated = step.truncated = step.restarted = step.is_success = {0};
  return step;
}

class EpisodePrinterTest : public ::testing::Test {
 protected:
  void Play(int64_t steps_max, uint64_t steps, bool ends) {
    EpisodePrinter printer(Spec(), 80, 1, steps_max,
                           [this](const std::string& line) { lines_.push_back(line); });
    for (uint64_t number = 0; number <= steps; ++number) {
      DecodedStep step = StepOf(number);
      if (ends && number == steps) {
        step.terminated = {1};
        step.final_observation = step.observation;
      }
      printer.OnStep(step, {0.0f});
    }
  }

  std::vector<std::string> lines_;
};

TEST_F(EpisodePrinterTest, PrintsEveryStepOfAShortEpisode) {
  Play(/*steps_max=*/0, 3, /*ends=*/true);
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("step"), HasSubstr("0"), HasSubstr("1"), HasSubstr("2"),
                                  EndsWith("terminated")));
}

TEST_F(EpisodePrinterTest, StopsWhereTheEpisodeIsCut) {
  Play(/*steps_max=*/3, 100, /*ends=*/false);
  ASSERT_EQ(lines_.size(), 5u);
  EXPECT_THAT(lines_.back(), EndsWith("cut"));
}

TEST_F(EpisodePrinterTest, ALongEpisodeIsAbbreviated) {
  Play(/*steps_max=*/0, 10 * EpisodePrinter::kRowsMax, /*ends=*/true);
  // The title, steps 0 .. kRowsMax, dots and the last one.
  ASSERT_EQ(lines_.size(), EpisodePrinter::kRowsMax + 4u);
  EXPECT_EQ(lines_[lines_.size() - 2], "  ...");
  EXPECT_THAT(lines_.back(), EndsWith("terminated"));
  EXPECT_THAT(lines_.back(), HasSubstr("10000"));
}

}  // namespace
}  // namespace armature
