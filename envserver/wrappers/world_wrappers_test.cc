// randomize, push and the distributions that they draw from.
#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "common/random/rng.h"
#include "envserver/wrappers/distribution.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/testing/wrapped.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<float> kStill = {0, 0};

EnvConfig RandomizeConfig(const std::string& key, const std::string& distribution) {
  return {{"wrappers", "[randomize]"}, {"randomize." + key, distribution}};
}

// The values of a field in the first step of many episodes.
std::vector<double> Drawn(Wrapped& env, const std::string& field, int element = 0) {
  std::vector<double> values;
  for (int seed = 0; seed < 200; ++seed) {
    env.Reset(seed);
    env.Step(kStill);
    values.push_back(env.Floats(field)[element]);
  }
  return values;
}

void ExpectFills(const std::vector<double>& values, double low, double high) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const double margin = 0.05 * (high - low);
  EXPECT_GE(*least, low);
  EXPECT_LE(*least, low + margin);
  EXPECT_GE(*most, high - margin);
  EXPECT_LE(*most, high);
}

TEST(RandomizeTest, FactorsAndValuesFillTheirRangesAndDoNotAddUp) {
  Wrapped factor("tumbling_box", RandomizeConfig("mass_factor.box", "uniform(0.5, 1.5)"));
  ExpectFills(Drawn(factor, "mass"), 1, 3);  // The box has 2 kg.
  EXPECT_EQ(Drawn(factor, "mass"), Drawn(factor, "mass")) << "the seed does not decide";
  Wrapped value("tumbling_box", RandomizeConfig("mass.box", "uniform(4, 5)"));
  ExpectFills(Drawn(value, "mass"), 4, 5);
  Wrapped friction("tumbling_box", RandomizeConfig("friction.box", "uniform(0.2, 1)"));
  ExpectFills(Drawn(friction, "friction"), 0.2, 1.0001);
  Wrapped size("tumbling_box", RandomizeConfig("size_factor.box", "uniform(0.8, 1.2)"));
  ExpectFills(Drawn(size, "size", 0), 0.16, 0.2401);
  EXPECT_NEAR(size.Floats("size")[1] / size.Floats("size")[0], 1.5, 1e-6);
  Wrapped gravity("tumbling_box", RandomizeConfig("gravity", "uniform(5, 6)"));
  ExpectFills(Drawn(gravity, "gravity", 2), -6, -5);
  Wrapped weak("tumbling_box", RandomizeConfig("gravity_factor", "log_uniform(0.25, 1)"));
  ExpectFills(Drawn(weak, "gravity", 2), -9.8101, -9.81 / 4);
}

TEST(RandomizeTest, TheParameterShrinksAllRangesTowardsNominal) {
  Wrapped env("tumbling_box", RandomizeConfig("mass_factor.box", "uniform(0.5, 1.5)"));
  ASSERT_EQ(env.spec().parameters.back().name, "randomize/scale");
  env.env().SetParameters({0.5});
  ExpectFills(Drawn(env, "mass"), 1.5, 2.5);
  env.env().SetParameters({0});
  for (double mass : Drawn(env, "mass")) ASSERT_EQ(mass, 2);
  Wrapped gravity("tumbling_box", RandomizeConfig("gravity", "uniform(5, 5)"));
  gravity.env().SetParameters({0.5});
  EXPECT_NEAR(Drawn(gravity, "gravity", 2)[0], -(9.81 + 5) / 2, 1e-5);
}

TEST(RandomizeTest, AnotherMassMovesDifferently) {
  const auto speed = [](const char* distribution) {
    EnvConfig config = RandomizeConfig("mass.box", distribution);
    config["floats"] = "true";
    Wrapped env("tumbling_box", config);
    env.Reset();
    for (int t = 0; t < 4; ++t) env.Step({3, 0});
    return env.Floats("velocity")[0];
  };
  EXPECT_NEAR(speed("uniform(2, 2)"), 3 * 0.2 / 2, 1e-6);
  EXPECT_NEAR(speed("uniform(6, 6)"), 3 * 0.2 / 6, 1e-6);
}

TEST(RandomizeTest, WrongNamesAndDistributionsAreRefusedWithWhatThereIs) {
  const auto error = [](const std::string& key, const std::string& distribution) {
    return WrappedError("tumbling_box", RandomizeConfig(key, distribution));
  };
  EXPECT_THAT(error("mass_factor.bax", "uniform(1, 2)"),
              HasSubstr("the world has no body 'bax'; it has floor, box"));
  EXPECT_THAT(error("mass_factor.box/arm", "uniform(1, 2)"),
              HasSubstr("body 'box' has no link 'arm'; it has "));
  EXPECT_THAT(error("mass_factor.floor", "uniform(1, 2)"),
              HasSubstr("body 'floor' has no link with a mass"));
  EXPECT_THAT(error("size_factor.floor", "uniform(1, 2)"),
              HasSubstr("body 'floor' is not one box, sphere, cylinder or capsule"));
  EXPECT_THAT(error("mass_factor.box", "uniform(2, 1)"), HasSubstr("the lower number first"));
  EXPECT_THAT(error("mass_factor.box", "normal(1, 0.4)"),
              HasSubstr("mass_factor.box can be -0.2; expected more than 0"));
  EXPECT_THAT(error("gravity", "9.81"), HasSubstr("gravity is '9.81'; expected uniform(LOW"));
  EnvConfig both = RandomizeConfig("mass.box", "uniform(1, 2)");
  both["randomize.mass_factor.box"] = "uniform(1, 2)";
  EXPECT_THAT(WrappedError("tumbling_box", both),
              HasSubstr("mass.box and mass_factor.box change the same; give one of them"));
  EXPECT_THAT(WrappedError("tumbling_box", {{"wrappers", "[randomize]"}}),
              HasSubstr("no key says what is drawn"));
  EXPECT_THAT(WrappedError("scripted", RandomizeConfig("gravity", "uniform(1, 2)")),
              HasSubstr("scripted does not run in this server's Bullet world"));
}

TEST(PushTest, AVelocityIsAddedAtTheIntervalInARandomHorizontalDirection) {
  Wrapped env("tumbling_box", {{"wrappers", "[push]"},
                               {"push.body", "box"},
                               {"push.interval_s", "uniform(0.1, 0.1)"},
                               {"push.speed_m_s", "uniform(1, 1)"},
                               {"floats", "true"}});
  std::set<double> directions;
  for (int seed = 0; seed < 10; ++seed) {
    env.Reset(seed);
    for (int t = 0; t < 2; ++t) {
      env.Step(kStill);
      ASSERT_THAT(env.Floats("velocity"), ElementsAre(0, 0, 0)) << "pushed too early";
    }
    env.Step(kStill);
    const std::vector<double> velocity = env.Floats("velocity");
    EXPECT_NEAR(std::hypot(velocity[0], velocity[1]), 1, 1e-6);
    EXPECT_EQ(velocity[2], 0);
    directions.insert(velocity[0]);
    env.Step(kStill);
    EXPECT_EQ(env.Floats("velocity"), velocity) << "pushed again too early";
    env.Step(kStill);
    EXPECT_NE(env.Floats("velocity"), velocity);
  }
  EXPECT_EQ(directions.size(), 10);
}

TEST(PushTest, AForceActsForItsTimeAndEndsWithTheEpisode) {
  Wrapped env("tumbling_box", {{"wrappers", "[push]"},
                               {"push.body", "box"},
                               {"push.kind", "force"},
                               {"push.interval_s", "uniform(0.2, 0.2)"},
                               {"push.force_n", "uniform(10, 10)"},
                               {"push.duration_s", "0.1"},
                               {"floats", "true"}});
  for (int episode = 0; episode < 2; ++episode) {
    env.Reset(7);
    std::vector<double> speeds;
    for (int t = 0; t < 8; ++t) {
      env.Step(kStill);
      const std::vector<double> velocity = env.Floats("velocity");
      speeds.push_back(std::hypot(velocity[0], velocity[1]));
    }
    // 2 kg, steps of 0.05 s.
    EXPECT_THAT(speeds, ElementsAre(0, 0, 0, 0, DoubleNear(0.25, 1e-6), DoubleNear(0.5, 1e-6),
                                    DoubleNear(0.5, 1e-6), DoubleNear(0.5, 1e-6)));
    env.Step(kStill);  // The next episode begins while a force acts.
  }
  env.env().SetParameters({0});
  env.Reset(7);
  for (int t = 0; t < 8; ++t) env.Step(kStill);
  EXPECT_THAT(env.Floats("velocity"), ElementsAre(0, 0, 0));
}

TEST(PushTest, WhatCannotBePushedIsRefusedByName) {
  const auto error = [](const EnvConfig& keys) {
    EnvConfig config = {{"wrappers", "[push]"}};
    for (const auto& [key, value] : keys) config["push." + key] = value;
    return WrappedError("tumbling_box", config);
  };
  EXPECT_THAT(error({}), HasSubstr("the world has no body ''; it has floor, box"));
  EXPECT_THAT(error({{"body", "floor"}}), HasSubstr("body 'floor' has no free base"));
  EXPECT_THAT(error({{"body", "floor"}, {"kind", "force"}}),
              HasSubstr("body 'floor' does not move by forces"));
  EXPECT_THAT(error({{"body", "box"}, {"interval_s", "uniform(0, 1)"}}),
              HasSubstr("interval_s can be 0; expected more than 0"));
  EXPECT_THAT(WrappedError("scripted", {{"wrappers", "[push]"}}),
              HasSubstr("scripted does not run in this server's Bullet world"));
}

TEST(DistributionTest, DrawsWhatItSays) {
  Rng rng({1});
  const Distribution normal("k", "\"normal(2, 0.5)\"");
  const Distribution log_uniform("k", "log_uniform(0.5, 8)");
  double sum = 0, squares = 0, below = 0;
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = normal.Draw(rng);
    ASSERT_GE(x, normal.low());
    sum += x;
    squares += (x - 2) * (x - 2);
    below += log_uniform.Draw(rng) < 2;
  }
  EXPECT_EQ(normal.low(), 0.5);
  EXPECT_NEAR(sum / kDraws, 2, 0.02);
  // Cut at three standard deviations, it is a little narrower.
  EXPECT_NEAR(std::sqrt(squares / kDraws), 0.5 * 0.9866, 0.01);
  EXPECT_NEAR(below / kDraws, 0.5, 0.02) << "2 is the geometric middle";
  for (const char* text : {"uniform", "uniform(1)", "uniform(1, 2", "uniform(1, x)", "cauchy(1, 2)",
                           "uniform(1, 2, 3)", "log_uniform(0, 1)", "normal(1, -1)", ""}) {
    EXPECT_THROW(Distribution("k", text), WrapperError) << text;
  }
}

}  // namespace
}  // namespace armature
