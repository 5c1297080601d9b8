#include "common/spec/env_spec.h"

#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

EnvSpec Reach() {
  EnvSpec spec;
  spec.id = "reach";
  spec.observation = {{"observation", v1::DTYPE_FLOAT32, {6}, {-10}, {10}},
                      {"achieved_goal", v1::DTYPE_FLOAT32, {3}, {}, {}},
                      {"desired_goal", v1::DTYPE_FLOAT32, {3}, {}, {}}};
  spec.action.low = {-1, -1, -1};
  spec.action.high = {1, 1, 1};
  spec.goal = GoalSpec{"achieved_goal", "desired_goal", {}};
  spec.horizon = 50;
  spec.control_period_s = 0.04;
  return spec;
}

TEST(EnvSpecTest, SurvivesTheWire) {
  absl::StatusOr<EnvSpec> back = EnvSpec::FromProto(Reach().ToProto());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(DescribeDifference(Reach(), *back), "");
  EXPECT_EQ(SpecHash(Reach()), SpecHash(*back));
  EXPECT_EQ(back->observation_size(), 12);
}

TEST(EnvSpecTest, AnyChangeChangesTheHashAndIsNamed) {
  EnvSpec other = Reach();
  other.horizon = 51;
  EXPECT_NE(SpecHash(Reach()), SpecHash(other));
  EXPECT_THAT(DescribeDifference(Reach(), other), HasSubstr("horizon: 50 -> 51"));
}

TEST(EnvSpecTest, TheSignOfZeroIsNoDifference) {
  EnvSpec positive = Reach();
  positive.observation[0].low = {0};
  positive.action.low[0] = 0;
  positive.reward_high = 0;
  EnvSpec negative = positive;
  negative.observation[0].low = {-0.0};
  negative.action.low[0] = -0.0;
  negative.reward_high = -0.0;
  EXPECT_EQ(SpecHash(positive), SpecHash(negative));
  EXPECT_FALSE(std::signbit(negative.ToProto().observation(0).low(0)));
}

TEST(EnvSpecTest, SeveralChoicesAtOnceSurviveTheWire) {
  EnvSpec spec = Reach();
  spec.action = ActionSpec();
  spec.action.choices = {3, 1, 2, 4};
  spec.action.shape = {2, 2};
  spec.action.start = {0, 0, -1, 5};
  EXPECT_EQ(spec.action.size(), 4);
  EXPECT_EQ(spec.action.policy_size(), 10);
  const absl::StatusOr<EnvSpec> back = EnvSpec::FromProto(spec.ToProto());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->action.choices, spec.action.choices);
  EXPECT_EQ(back->action.shape, spec.action.shape);
  EXPECT_EQ(back->action.start, spec.action.start);
  EXPECT_EQ(SpecHash(spec), SpecHash(*back));
}

TEST(EnvSpecTest, OneActionHasOneHashHoweverItIsWritten) {
  EnvSpec bare = Reach();
  bare.action = ActionSpec();
  bare.action.choices = {3, 2};
  EnvSpec spelled = bare;
  spelled.action.shape = {2};
  spelled.action.start = {0, 0};
  EXPECT_EQ(SpecHash(bare), SpecHash(spelled));
  EXPECT_EQ(SpecHash(EnvSpec::FromProto(bare.ToProto()).value()), SpecHash(bare));

  EnvSpec discrete = Reach();
  discrete.action = ActionSpec();
  discrete.action.choices = {3};
  EnvSpec multi = discrete;
  multi.action.shape = {1};
  EXPECT_TRUE(discrete.action.is_scalar());
  EXPECT_FALSE(multi.action.is_scalar());
  EXPECT_NE(SpecHash(discrete), SpecHash(multi));
  EXPECT_TRUE(EnvSpec::FromProto(discrete.ToProto())->action.shape.empty());
  EXPECT_EQ(EnvSpec::FromProto(multi.ToProto())->action.shape, std::vector<int64_t>{1});
}

TEST(EnvSpecTest, FindsAValueThatIsNoChoice) {
  ActionSpec action;
  action.choices = {3, 2};
  EXPECT_EQ(FindBadChoice(action, {2, 1, 0, 0}), -1);
  EXPECT_EQ(FindBadChoice(action, {2, 1, 0, 2}), 3);
  EXPECT_EQ(FindBadChoice(action, {0.5f, 1}), 0);
  EXPECT_EQ(FindBadChoice(action, {0, -1}), 1);
  EXPECT_EQ(FindBadChoice(action, {0, std::nanf("")}), 1);
}

TEST(ActionSpecTest, FindsTheFirstValueOutOfBounds) {
  const ActionSpec action{{-1, 0}, {1, 0.1}};
  EXPECT_EQ(FindOutOfBounds(action, {-1, 0.1f, 1, 0}), -1);
  EXPECT_EQ(FindOutOfBounds(action, {-1, 0.1f, 1.001f, -1}), 2);
  EXPECT_EQ(FindOutOfBounds(action, {-1, -0.001f}), 1);
  EXPECT_EQ(FindOutOfBounds(action, {std::nanf(""), 0}), 0);
}

TEST(EnvSpecTest, OnlyABoxReportsAnExecutedAction) {
  EnvSpec spec = Reach();
  spec.reports_executed_action = true;
  EXPECT_TRUE(spec.Validate().ok()) << spec.Validate();
  spec.action = ActionSpec();
  spec.action.choices = {3};
  EXPECT_EQ(spec.Validate().message(),
            "reach: reports_executed_action is set, but the action is one of 3 choices; expected a "
            "Box");
}

SignedPermutation Identity(int64_t size) {
  SignedPermutation same;
  for (int64_t i = 0; i < size; ++i) same.source.push_back(i);
  same.sign.assign(size, 1);
  return same;
}

// The first two numbers of the observation change places and signs, and so does the action's
// second.
MirrorSpec MirrorOfReach() {
  MirrorSpec mirror = {Identity(Reach().observation_size()), Identity(Reach().action.size())};
  std::swap(mirror.observation.source[0], mirror.observation.source[1]);
  mirror.observation.sign[0] = mirror.observation.sign[1] = -1;
  mirror.action.sign[1] = -1;
  return mirror;
}

TEST(EnvSpecTest, AMirrorSurvivesTheWire) {
  EnvSpec spec = Reach();
  EXPECT_FALSE(EnvSpec::FromProto(spec.ToProto())->mirror.has_value());
  spec.mirror = MirrorOfReach();
  const absl::StatusOr<EnvSpec> back = EnvSpec::FromProto(spec.ToProto());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(DescribeDifference(spec, *back), "");
  EXPECT_EQ(back->mirror->observation.source, spec.mirror->observation.source);
  EXPECT_EQ(back->mirror->observation.sign, spec.mirror->observation.sign);
  EXPECT_EQ(back->mirror->action.sign, spec.mirror->action.sign);
}

TEST(EnvSpecTest, RefusesAMirrorThatIsNone) {
  const auto refusal = [](const std::function<void(EnvSpec&)>& change) {
    EnvSpec spec = Reach();
    spec.mirror = MirrorOfReach();
    change(spec);
    // What came over the wire is refused in the same words.
    const absl::Status status = spec.Validate();
    EXPECT_EQ(EnvSpec::FromProto(spec.ToProto()).status(), status);
    return std::string(status.message());
  };
  EXPECT_EQ(refusal([](EnvSpec&) {}), "");
  EXPECT_THAT(refusal([](EnvSpec& s) { s.mirror->observation.source.pop_back(); }),
              HasSubstr("reach: mirror.observation has "));
  EXPECT_THAT(refusal([](EnvSpec& s) { s.mirror->action.sign.pop_back(); }),
              HasSubstr("mirror.action has 3 sources and 2 signs for 3 numbers"));
  EXPECT_THAT(refusal([](EnvSpec& s) { s.mirror->action.source[1] = 3; }),
              HasSubstr("mirror.action.source[1] is 3, expected 0 .. 2"));
  EXPECT_THAT(refusal([](EnvSpec& s) { s.mirror->action.sign[0] = 0; }),
              HasSubstr("mirror.action.sign[0] is 0, expected 1 or -1"));
  EXPECT_THAT(refusal([](EnvSpec& s) { s.mirror->observation.sign[1] = 1; }),
              HasSubstr("mirror.observation is not its own inverse: number 0 is taken from 1"));
  EXPECT_THAT(refusal([](EnvSpec& s) {
                s.mirror->action.source = {1, 2, 0};
              }),
              HasSubstr("mirror.action is not its own inverse"));
  EXPECT_THAT(refusal([](EnvSpec& s) {
                s.action.low = {-1, -2, -1};
                s.action.high = {1, 3, 1};
              }),
              HasSubstr("mirror.action[1]: the mirror image of component 1 has bounds [-3, 2], but "
                        "component 1 has [-2, 3]"));
  EXPECT_THAT(refusal([](EnvSpec& s) {
                s.action = ActionSpec();
                s.action.choices = {3};
              }),
              HasSubstr("mirror is declared, but the action is not a Box"));
}

// Reach with all that an environment may offer.
EnvSpec Equipped() {
  EnvSpec spec = Reach();
  spec.goal->extra = {{"effort", v1::DTYPE_FLOAT32, {}, {}, {}},
                      {"push", v1::DTYPE_FLOAT32, {2, 2}, {-1}, {1}}};
  spec.metrics = {{"reward/distance", v1::MetricSpec::AGGREGATION_SUM},
                  {"speed", v1::MetricSpec::AGGREGATION_MEAN},
                  {"distance_2", v1::MetricSpec::AGGREGATION_LAST}};
  spec.parameters = {{"level", 0, 1, 0.5}, {"goal/radius", -2, 3, -2}};
  spec.render = RenderSpec{64, 48};
  spec.saves_state = true;
  spec.has_scene = true;
  spec.reports_executed_action = true;
  return spec;
}

TEST(EnvSpecTest, MetricsParametersAndGoalExtrasSurviveTheWire) {
  const absl::StatusOr<EnvSpec> back = EnvSpec::FromProto(Equipped().ToProto());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(DescribeDifference(Equipped(), *back), "");
  EXPECT_EQ(SpecHash(Equipped()), SpecHash(*back));
  ASSERT_EQ(back->metrics.size(), 3u);
  EXPECT_EQ(back->metrics[1].name, "speed");
  EXPECT_EQ(back->metrics[1].aggregation, v1::MetricSpec::AGGREGATION_MEAN);
  ASSERT_EQ(back->parameters.size(), 2u);
  EXPECT_EQ(back->parameters[1].low, -2);
  EXPECT_EQ(back->parameters[1].high, 3);
  EXPECT_EQ(back->parameters[1].initial, -2);
  ASSERT_EQ(back->goal->extra.size(), 2u);
  EXPECT_EQ(back->goal->extra[1].shape, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(back->goal->extra_size(), 5);
  EXPECT_TRUE(back->saves_state);
  EXPECT_TRUE(back->has_scene);
  EXPECT_TRUE(back->reports_executed_action);
}

TEST(EnvSpecTest, TheHashLeavesOutOnlyWhatChangesNothingThatIsLearned) {
  const uint64_t hash = SpecHash(Equipped());
  const auto changed = [](const std::function<void(EnvSpec&)>& change) {
    EnvSpec spec = Equipped();
    change(spec);
    return SpecHash(spec);
  };
  EXPECT_EQ(changed([](EnvSpec& s) { s.render.reset(); }), hash);
  EXPECT_EQ(changed([](EnvSpec& s) { s.render->width_px = 7; }), hash);
  EXPECT_EQ(changed([](EnvSpec& s) { s.saves_state = false; }), hash);
  EXPECT_EQ(changed([](EnvSpec& s) { s.has_scene = false; }), hash);
  EXPECT_EQ(changed([](EnvSpec& s) { s.mirror = MirrorOfReach(); }), hash);
  const std::function<void(EnvSpec&)> counted[] = {
      [](EnvSpec& s) { s.id = "push"; },
      [](EnvSpec& s) { s.observation[0].low = {-9}; },
      [](EnvSpec& s) { s.action.high[2] = 2; },
      [](EnvSpec& s) { s.goal.reset(); },
      [](EnvSpec& s) { s.goal->extra.pop_back(); },
      [](EnvSpec& s) { s.goal->extra[0].name = "force"; },
      [](EnvSpec& s) { s.goal->extra[1].shape = {4}; },
      [](EnvSpec& s) { s.horizon = 51; },
      [](EnvSpec& s) { s.control_period_s = 0.05; },
      [](EnvSpec& s) { s.reward_low = -1; },
      [](EnvSpec& s) { s.reward_high = 1; },
      [](EnvSpec& s) { s.reports_success = true; },
      [](EnvSpec& s) { s.metrics.pop_back(); },
      [](EnvSpec& s) { s.metrics[0].name = "reward/contact"; },
      [](EnvSpec& s) { s.metrics[0].aggregation = v1::MetricSpec::AGGREGATION_LAST; },
      [](EnvSpec& s) { s.parameters.pop_back(); },
      [](EnvSpec& s) { s.parameters[0].name = "stage"; },
      [](EnvSpec& s) { s.parameters[0].low = -1; },
      [](EnvSpec& s) { s.parameters[0].high = 2; },
      [](EnvSpec& s) { s.parameters[0].initial = 1; },
      [](EnvSpec& s) { s.reports_executed_action = false; },
  };
  std::set<uint64_t> hashes = {hash};
  for (const auto& change : counted) EXPECT_TRUE(hashes.insert(changed(change)).second);
}

TEST(EnvSpecTest, RefusesMetricsParametersAndExtrasThatBreakTheRules) {
  const auto refusal = [](const std::function<void(EnvSpec&)>& change) {
    EnvSpec spec = Equipped();
    change(spec);
    return std::string(spec.Validate().message());
  };
  for (const char* name : {"", "Speed", "a b", "/a", "a/", "a//b", "a-b"}) {
    EXPECT_THAT(refusal([&](EnvSpec& s) { s.metrics[0].name = name; }),
                HasSubstr(absl::StrCat("reach: metric name '", name, "' is not made of")));
  }
  EXPECT_THAT(refusal([](EnvSpec& s) { s.metrics[0].name = "speed"; }),
              HasSubstr("metric 'speed' is named twice"));
  EXPECT_THAT(refusal([](EnvSpec& s) {
                s.metrics[1].aggregation = v1::MetricSpec::AGGREGATION_UNSPECIFIED;
              }),
              HasSubstr("metric 'speed' has no aggregation"));
  EXPECT_THAT(refusal([](EnvSpec& s) { s.parameters[0].name = "goal/radius"; }),
              HasSubstr("parameter 'goal/radius' is named twice"));
  EXPECT_THAT(refusal([](EnvSpec& s) { s.parameters[0].initial = 1.5; }),
              HasSubstr("parameter 'level' has limits [0, 1] and is 1.5 initially"));
  EXPECT_THAT(refusal([](EnvSpec& s) { s.parameters[0].low = 1; }), HasSubstr("low < high"));
  EXPECT_THAT(refusal([](EnvSpec& s) { s.parameters[0].high = INFINITY; }), HasSubstr("finite"));
  EXPECT_THAT(refusal([](EnvSpec& s) { s.parameters[0].initial = NAN; }), HasSubstr("nan"));
  for (const std::function<void(EnvSpec&)>& change : std::vector<std::function<void(EnvSpec&)>>{
           [](EnvSpec& s) { s.goal->extra[1].name = "effort"; },
           [](EnvSpec& s) { s.goal->extra[1].dtype = v1::DTYPE_FLOAT64; },
           [](EnvSpec& s) { s.goal->extra[1].shape = {0}; }}) {
    EXPECT_THAT(refusal(change), HasSubstr("must be float32, not empty, and named unlike"));
  }
}

TEST(EnvSpecTest, ParameterValuesAreInTheSpecsOrderAndInitialUnlessGiven) {
  EXPECT_THAT(*ParameterValues(Equipped(), {}), ElementsAre(0.5, -2));
  EXPECT_THAT(*ParameterValues(Equipped(), {{"goal/radius", 3}}), ElementsAre(0.5, 3));
  EXPECT_THAT(*ParameterValues(Reach(), {}), ElementsAre());
}

TEST(EnvSpecTest, ParameterValuesRefuseWhatTheSpecDoesNotHave) {
  const auto refusal = [](const EnvSpec& spec, const std::map<std::string, double>& values) {
    const absl::Status status = ParameterValues(spec, values).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_EQ(refusal(Equipped(), {{"stage", 1}}),
            "reach has no parameter 'stage'; it has level, goal/radius");
  EXPECT_EQ(refusal(Reach(), {{"stage", 1}}), "reach has no parameter 'stage'; it has none");
  EXPECT_EQ(refusal(Equipped(), {{"level", 1.5}}),
            "parameter 'level' of reach is 1.5, expected 0 .. 1");
  EXPECT_THAT(refusal(Equipped(), {{"level", NAN}}), HasSubstr("is nan"));
}

TEST(EnvSpecTest, RefusesWhatBreaksTheRules) {
  EnvSpec twice = Reach();
  twice.observation[1].name = "observation";
  EXPECT_THAT(twice.Validate().message(), HasSubstr("named twice"));

  EnvSpec huge = Reach();
  huge.observation[0].shape = {1 << 20, 1 << 20};
  EXPECT_FALSE(huge.Validate().ok());

  EnvSpec crossed = Reach();
  crossed.action.low[1] = 2;
  EXPECT_THAT(crossed.Validate().message(), HasSubstr("action.box[1]"));

  EnvSpec goalless = Reach();
  goalless.goal->desired_field = "nowhere";
  EXPECT_THAT(goalless.Validate().message(), HasSubstr("nowhere"));

  const auto refusal = [](const ActionSpec& action) {
    EnvSpec spec = Reach();
    spec.action = action;
    return std::string(spec.Validate().message());
  };
  EXPECT_THAT(refusal({{}, {}, {1}}), HasSubstr("action.discrete.count is 1, expected 2"));
  EXPECT_THAT(refusal({{}, {}, {2, 0}}), HasSubstr("action.multi_discrete.count[1] is 0"));
  EXPECT_THAT(refusal({{}, {}, {2, 3, 4}, {2, 2}}), HasSubstr("[2,2] for 3 components"));
  EXPECT_THAT(refusal({{-1, -1}, {1, 1}, {}, {1 << 30, 1 << 30}}), HasSubstr("action.shape"));
  EXPECT_THAT(refusal({{}, {}, {2, 3}, {}, {1}}), HasSubstr("action.start has 1 values for 2"));
  EXPECT_THAT(refusal({{-1}, {1}, {}, {}, {1}}), HasSubstr("is a Box"));

  EXPECT_FALSE(EnvSpec::FromProto(v1::EnvSpec()).ok());
  v1::EnvSpec unknown = Reach().ToProto();
  unknown.mutable_action()->clear_box();
  EXPECT_THAT(EnvSpec::FromProto(unknown).status().message(),
              HasSubstr("reach: action is of a kind"));
}

}  // namespace
}  // namespace armature
