// observation_noise, camera, history, time_feature, clip_observation, frame and the observations of
// latency.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "common/render/renderer.h"
#include "envserver/wrappers/testing/wrapped.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Mean of the picture's channels, 0 .. 255.
double Brightness(Wrapped& env, int field) {
  const absl::Span<const uint8_t> pixels = env.observation().fields()[field];
  return std::accumulate(pixels.begin(), pixels.end(), 0.0) / pixels.size();
}

TEST(CameraTest, AddsThePictureOfTheStateThatTheOtherFieldsAreOf) {
  const EnvConfig config = {{"wrappers", "[camera]"},
                            {"camera", "{width_px: 64, height_px: 48, field: eye}"}};
  Wrapped env("tumbling_box", config);
  const int last = static_cast<int>(env.spec().observation.size()) - 1;
  EXPECT_EQ(env.field("eye").dtype, v1::DTYPE_UINT8);
  EXPECT_THAT(env.field("eye").shape, ElementsAre(48, 64, 3));
  EXPECT_THAT(env.field("eye").high, ElementsAre(255));
  env.Reset();
  const auto picture = [&] {
    const absl::Span<const uint8_t> pixels = env.observation().fields()[last];
    return std::vector<uint8_t>(pixels.begin(), pixels.end());
  };
  // Drawn as viewers see the state now.
  const auto expected = [&] {
    SceneView view;
    env.env().ReadView(view);
    SceneCamera camera = env.env().scene()->cameras[0];
    camera.width_px = 64;
    camera.height_px = 48;
    std::vector<uint8_t> pixels(64 * 48 * 3);
    EXPECT_TRUE(Renderer::SharedForObservations()
                    .Draw(*env.env().scene(), view, camera, absl::MakeSpan(pixels))
                    .ok());
    return pixels;
  };
  const std::vector<uint8_t> first = picture();
  EXPECT_EQ(first, expected());
  EXPECT_GT(Brightness(env, last), 10) << "an empty picture";
  for (int t = 0; t < 5; ++t) env.Step({5, 0});
  EXPECT_NE(picture(), first);
  EXPECT_EQ(picture(), expected());
  EXPECT_NE(env.Floats("velocity")[0], 0);
}

TEST(CameraTest, StacksAndDelaysArePictures) {
  Wrapped env("tumbling_box", {{"wrappers", "[camera, history]"},
                               {"camera", "{width_px: 16, height_px: 8}"},
                               {"history", "{steps: 4, fields: [camera]}"}});
  EXPECT_THAT(env.field("camera").shape, ElementsAre(4, 8, 16, 3));
  EXPECT_THAT(env.field("camera").high, ElementsAre(255));
}

TEST(CameraTest, RefusesByNameWhatItCannotShow) {
  EXPECT_THAT(WrappedError("scripted", {{"wrappers", "[camera]"}}),
              HasSubstr("scripted has no camera"));
  EXPECT_THAT(WrappedError("tumbling_box", {{"wrappers", "[camera]"}, {"camera.name", "wrist"}}),
              HasSubstr("tumbling_box has no camera 'wrist'; it has default"));
  EXPECT_THAT(WrappedError("tumbling_box", {{"wrappers", "[camera]"}, {"camera.field", "mass"}}),
              HasSubstr("'mass' is named twice"));
  EXPECT_THAT(WrappedError("tumbling_box", {{"wrappers", "[camera, observation_noise]"},
                                            {"observation_noise.fields.camera", "1"}}),
              HasSubstr("'camera' does not have float elements"));
}

TEST(ObservationNoiseTest, UniformNoiseFillsItsRangeAndWidensTheBounds) {
  Wrapped env("scripted", {{"wrappers", "[observation_noise]"},
                           {"observation_noise.fields.state", "[0.5, 0]"},
                           {"horizon", "0"}});
  EXPECT_THAT(env.field("state").low, ElementsAre(-20.5, -20));
  EXPECT_THAT(env.field("state").high, ElementsAre(20.5, 20));
  EXPECT_THAT(env.field("velocity").low, ElementsAre(0));
  double low = 10, high = -10;
  for (int episode = 0; episode < 2000; ++episode) {
    env.Reset(episode);
    const std::vector<double> state = env.Floats("state");
    low = std::min(low, state[0]);
    high = std::max(high, state[0]);
    ASSERT_EQ(state[1], 0);
  }
  EXPECT_NEAR(low, -0.5, 0.01);
  EXPECT_NEAR(high, 0.5, 0.01);
  env.Step({0, 0});
  EXPECT_NEAR(env.Floats("state")[0], 1, 0.5);
  EXPECT_NE(env.Floats("state")[0], 1);
  EXPECT_THAT(env.Floats("velocity"), ElementsAre(3, 4, 5));
}

TEST(ObservationNoiseTest, NormalNoiseHasItsStandardDeviationAndNoBounds) {
  Wrapped env("scripted", {{"wrappers", "[observation_noise]"},
                           {"observation_noise",
                            "{distribution: normal, amplitude: 0.2, fields: "
                            "{velocity: 0}}"}});
  EXPECT_THAT(env.field("state").low, Each(-kInfinity));
  EXPECT_THAT(env.field("state").high, Each(kInfinity));
  EXPECT_THAT(env.field("precise").high, Each(kInfinity));
  EXPECT_THAT(env.field("velocity").high, Each(5));
  double squares = 0;
  constexpr int kEpisodes = 2000;
  for (int episode = 0; episode < kEpisodes; ++episode) {
    env.Reset(episode);
    for (double value : env.Floats("state")) squares += value * value;
    ASSERT_THAT(env.Floats("velocity"), ElementsAre(3, 4, 5));
  }
  EXPECT_NEAR(std::sqrt(squares / (2 * kEpisodes)), 0.2, 0.01);
}

TEST(ObservationNoiseTest, LeavesGoalsAndIntegersAloneAndRefusesThemByName) {
  const EnvConfig all = {
      {"wrappers", "[observation_noise]"}, {"observation_noise.amplitude", "1"}, {"goal", "true"}};
  Wrapped env("scripted", all);
  env.Reset();
  EXPECT_THAT(env.Floats("achieved"), ElementsAre(0));
  EXPECT_EQ(env.observation().Field<int64_t>(4)[0], 0);
  EnvConfig config = all;
  config["observation_noise.fields.desired"] = "0.1";
  EXPECT_THAT(WrappedError("scripted", config),
              HasSubstr("the field 'desired' is a goal, and rewards are computed from goals"));
  config = all;
  config["observation_noise.fields.count"] = "0.1";
  EXPECT_THAT(WrappedError("scripted", config), HasSubstr("'count' does not have float elements"));
  config = all;
  config["observation_noise.fields.speed"] = "0.1";
  EXPECT_THAT(WrappedError("scripted", config),
              HasSubstr("scripted has no field 'speed'; it has state, applied, velocity"));
  config = all;
  config["observation_noise.fields.state"] = "[0.1, 0.1, 0.1]";
  EXPECT_THAT(WrappedError("scripted", config),
              HasSubstr("fields.state has 3 numbers; the field has 2 elements"));
  config["observation_noise.fields.state"] = "-1";
  EXPECT_THAT(WrappedError("scripted", config),
              HasSubstr("fields.state is -1; expected a number of at least 0"));
  EXPECT_THAT(WrappedError("scripted", {{"wrappers", "[observation_noise]"}}),
              HasSubstr("amplitude is 0 and fields names none"));
}

TEST(HistoryTest, ShowsTheOldestFirstAndFillsItAtTheReset) {
  Wrapped env("scripted", {{"wrappers", "[history]"},
                           {"history.steps", "3"},
                           {"history.fields", "[state, applied, count]"}});
  EXPECT_THAT(env.field("state").shape, ElementsAre(3, 2));
  EXPECT_THAT(env.field("state").low, ElementsAre(-20));
  EXPECT_THAT(env.field("applied").low, ElementsAre(-2, 0, -2, 0, -2, 0));
  EXPECT_THAT(env.field("count").shape, ElementsAre(3));
  EXPECT_THAT(env.field("velocity").shape, ElementsAre(3));
  for (int episode = 0; episode < 2; ++episode) {
    env.Reset();
    EXPECT_THAT(env.Floats("state"), Each(0));
    env.Step({1, 0});
    env.Step({2, 1});
    EXPECT_THAT(env.Floats("state"), ElementsAre(0, 0, 1, -1, 2, -2));
    EXPECT_THAT(env.Floats("applied"), ElementsAre(0, 0, 1, 0, 2, 1));
    EXPECT_THAT(env.observation().Field<int64_t>(4), ElementsAre(0, 1, 2));
    env.Step({0, 0});
    EXPECT_THAT(env.Floats("state"), ElementsAre(1, -1, 2, -2, 3, -3));
    EXPECT_THAT(env.Floats("velocity"), ElementsAre(3, 4, 5));
  }
}

TEST(HistoryTest, ByDefaultShowsAllButGoals) {
  Wrapped env("scripted", {{"wrappers", "[history]"}, {"goal", "true"}});
  EXPECT_THAT(env.field("velocity").shape, ElementsAre(3, 3));
  EXPECT_THAT(env.field("achieved").shape, ElementsAre(1));
  EXPECT_THAT(
      WrappedError("scripted",
                   {{"wrappers", "[history]"}, {"goal", "true"}, {"history.fields", "[achieved]"}}),
      HasSubstr("'achieved' is a goal"));
}

TEST(TimeFeatureTest, FallsFromOneToZeroAtTheHorizon) {
  Wrapped env("scripted", {{"wrappers", "[time_feature]"}, {"horizon", "4"}});
  EXPECT_EQ(env.spec().observation.back().name, "time_left");
  for (int episode = 0; episode < 2; ++episode) {
    env.Reset();
    std::vector<double> left = env.Floats("time_left");
    for (int t = 0; t < 4; ++t) {
      env.Step({0, 0});
      left.push_back(env.Floats("time_left")[0]);
    }
    EXPECT_THAT(left, ElementsAre(1, 0.75, 0.5, 0.25, 0));
    EXPECT_THAT(env.Floats("state"), ElementsAre(4, -4));
  }
  EXPECT_THAT(WrappedError("scripted", {{"wrappers", "[time_feature]"}, {"horizon", "0"}}),
              HasSubstr("time_feature: scripted has no horizon"));
}

TEST(ClipObservationTest, HoldsValuesAndBounds) {
  Wrapped env("scripted", {{"wrappers", "[clip_observation]"},
                           {"clip_observation.low", "-1"},
                           {"clip_observation.high", "4"}});
  EXPECT_THAT(env.field("state").low, Each(-1));
  EXPECT_THAT(env.field("state").high, Each(4));
  EXPECT_THAT(env.field("velocity").low, Each(0));
  EXPECT_THAT(env.field("applied").high, Each(2));
  env.Reset();
  EXPECT_THAT(env.Floats("velocity"), ElementsAre(3, 4, 4));
  for (int t = 0; t < 6; ++t) env.Step({-2, 0});
  EXPECT_THAT(env.Floats("state"), ElementsAre(4, -1));
  EXPECT_THAT(env.Floats("applied"), ElementsAre(-1, 0));
}

TEST(FrameTest, RotatesVectorsIntoTheFrame) {
  for (const char* rotation : {"full", "yaw"}) {
    Wrapped env("scripted", {{"wrappers", "[frame]"},
                             {"frame.quaternion", "orientation"},
                             {"frame.vectors", "[velocity]"},
                             {"frame.rotation", rotation}});
    const double length = std::sqrt(3 * 25.0);
    EXPECT_THAT(env.field("velocity").low, Each(DoubleNear(-length, 1e-4)));
    EXPECT_THAT(env.field("velocity").high, Each(DoubleNear(length, 1e-4)));
    env.Reset();
    // The frame's x is along y, its y along -x.
    EXPECT_THAT(env.Floats("velocity"),
                ElementsAre(DoubleNear(4, 1e-5), DoubleNear(-3, 1e-5), DoubleNear(5, 1e-5)));
    env.Step({0, 0});
    EXPECT_NEAR(env.Floats("velocity")[0], 4, 1e-5);
  }
}

TEST(FrameTest, FieldsOfWrongSizesAreRefusedByName) {
  EXPECT_THAT(WrappedError("scripted", {{"wrappers", "[frame]"}}),
              HasSubstr("scripted has no field ''; it has state"));
  EnvConfig config = {{"wrappers", "[frame]"}, {"frame.quaternion", "velocity"}};
  EXPECT_THAT(WrappedError("scripted", config), HasSubstr("vectors names no field"));
  config["frame.vectors"] = "[velocity]";
  EXPECT_THAT(WrappedError("scripted", config), HasSubstr("'velocity' is no quaternion"));
  config["frame.quaternion"] = "orientation";
  config["frame.vectors"] = "[state]";
  EXPECT_THAT(WrappedError("scripted", config),
              HasSubstr("the field 'state' has 2 elements; expected vectors of 3"));
}

TEST(FrameTest, YawKeepsWhatIsUpright) {
  // A box that turns about y: in its own frame gravity turns, by its yaw alone it stays downwards.
  const auto gravity = [](const char* rotation) {
    Wrapped env("tumbling_box", {{"wrappers", "[frame]"},
                                 {"frame.quaternion", "orientation"},
                                 {"frame.vectors", "[gravity]"},
                                 {"frame.rotation", rotation}});
    env.Reset();
    for (int t = 0; t < 5; ++t) env.Step({5, 0});
    return env.Floats("gravity");
  };
  EXPECT_THAT(gravity("yaw"),
              ElementsAre(DoubleNear(0, 1e-5), DoubleNear(0, 1e-5), DoubleNear(-9.81, 1e-5)));
  EXPECT_GT(std::abs(gravity("full")[0]), 0.1);
}

TEST(LatencyTest, ObservationsComeLaterAndGoalsDoNot) {
  Wrapped env("scripted", {{"wrappers", "[latency]"},
                           {"latency.action_steps", "0"},
                           {"latency.observation_steps", "2"},
                           {"goal", "true"}});
  for (int episode = 0; episode < 2; ++episode) {
    env.Reset();
    std::vector<double> state, achieved;
    for (int t = 0; t < 5; ++t) {
      const float reward = env.Step({0, 0}).reward;
      state.push_back(env.Floats("state")[0]);
      achieved.push_back(env.Floats("achieved")[0]);
      EXPECT_EQ(reward, -std::abs(achieved.back() - 3));
    }
    EXPECT_THAT(state, ElementsAre(0, 0, 1, 2, 3));
    EXPECT_THAT(achieved, ElementsAre(1, 2, 3, 4, 5));
    EXPECT_EQ(env.observation().Field<int64_t>(4)[0], 3);
  }
}

}  // namespace
}  // namespace armature
