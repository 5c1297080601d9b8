// ANYmal with an actuator network in place of PD control.
#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "envserver/actuators/testing/network_file.h"
#include "envserver/tasks/anymal/testing/anymal_env.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

constexpr int kJoints = 12;
constexpr double kTorqueMax = 40;  // N.m, of the simulated drive.
const std::vector<float> kNoAction(kJoints, 0);

// In the nominal pose, without gravity, high above the floor.
void Float(AnymalEnv& env) {
  env.Reset();
  env.world().SetGravity(btVector3(0, 0, 0));
  AnymalState state;
  state.base.setOrigin(btVector3(0, 0, 3));
  state.angles = {0.03, 0.4, -0.8, -0.03, 0.4, -0.8, 0.03, -0.4, 0.8, -0.03, -0.4, 0.8};
  state.velocities.assign(kJoints, 0);
  env.SetState(state);
}

// ANYmal B. The drives of the network are too weak for ANYmal C, which is 22 kg heavier.
TEST(AnymalActuatorTest, StandsAndComesToRestOnItsNetwork) {
  AnymalEnv env("anymal", {{"actuator", "network"}});
  for (int step = 0; step < env.env().spec().horizon; ++step) {
    ASSERT_FALSE(env.Step(kNoAction).terminated) << step;
  }
  EXPECT_GT(env.Field("base_height")[0], 0.4);
  EXPECT_GT(env.Field("up")[2], 0.98);
  EXPECT_LT(env.Metric("reward/torque"), 0);  // It carries its weight.
  for (const float velocity : env.Field("joint_velocities")) EXPECT_NEAR(velocity, 0, 0.5);
}

TEST(AnymalActuatorTest, ADriveMovesItsJointLaterThanPdControl) {
  std::vector<float> action = kNoAction;
  action[4] = 1;
  std::vector<double> moved;
  for (const char* actuator : {"pd", "network"}) {
    AnymalEnv env("anymal", {{"actuator", actuator}});
    Float(env);
    const float before = env.Field("joint_angles")[4];
    env.Step(kNoAction);  // The history begins at rest.
    env.Step(action);
    moved.push_back(env.Field("joint_angles")[4] - before);
    for (int step = 0; step < 20; ++step) env.Step(action);
    EXPECT_GT(env.Field("joint_angles")[4] - before, 0.1) << actuator;
  }
  EXPECT_LT(moved[1], 0.8 * moved[0]);
}

TEST(AnymalActuatorTest, TorquesAreHeldToTheDrives40) {
  AnymalEnv env("anymal", {{"actuator", "network"}});
  std::vector<float> action(kJoints);
  for (int i = 0; i < kJoints; ++i) action[i] = i % 2 == 0 ? 10 : -10;
  Float(env);
  double least = 0;
  for (int step = 0; step < 5; ++step) {
    env.Step(action);
    least = std::min<double>(least, env.Metric("reward/torque"));
  }
  EXPECT_GE(least, -4e-5 * kJoints * kTorqueMax * kTorqueMax - 1e-5);
  EXPECT_LT(least, -4e-5 * kJoints * 25 * 25);
}

TEST(AnymalActuatorTest, AnEpisodeKnowsNothingOfTheOneBefore) {
  AnymalEnv env("anymal", {{"actuator", "network"}});
  std::vector<float> action(kJoints, 0.5f);
  std::vector<std::vector<float>> seen;
  for (int episode = 0; episode < 2; ++episode) {
    env.Reset(3);
    env.Step(action);
    seen.push_back(env.All());
    for (int step = 0; step < 20; ++step) env.Step(kNoAction);
  }
  EXPECT_EQ(seen[0], seen[1]);
}

TEST(AnymalActuatorTest, AFileOfOnesOwnIsUsed) {
  NetworkFile file = RandomNetworkFile({4, 8}, "tanh");  // Of motors without power.
  for (float& weight : file.tensors["layer.1.weight"].values) weight = 0;
  file.tensors["layer.1.bias"].values = {0};
  const std::string path = testing::TempDir() + "/limp.safetensors";
  std::ofstream(path, std::ios::binary | std::ios::trunc) << file.Content();
  AnymalEnv env("anymal", {{"actuator", "network"}, {"actuator_network", path}});
  bool has_fallen = false;
  for (int step = 0; step < env.env().spec().horizon && !has_fallen; ++step) {
    has_fallen = env.Step(kNoAction).terminated;
    EXPECT_EQ(env.Metric("reward/torque"), 0);
  }
  EXPECT_TRUE(has_fallen);
}

TEST(AnymalActuatorTest, WrongKeysAreRefusedWithTheirValues) {
  const auto refusal = [](const EnvConfig& config) { return Refusal("anymal", config); };
  EXPECT_THAT(refusal({{"actuator", "spring"}}), HasSubstr("actuator"));
  EXPECT_THAT(refusal({{"actuator_network", "my.safetensors"}}),
              HasSubstr("actuator_network is my.safetensors, but actuator is pd"));
  EXPECT_THAT(refusal({{"actuator", "network"}, {"actuator_network", "/nowhere.safetensors"}}),
              HasSubstr("/nowhere.safetensors"));
  NetworkFile file = RandomNetworkFile({6, 8}, "tanh");
  file.metadata["history_interval_s"] = "0.004";
  const std::string path = testing::TempDir() + "/uneven.safetensors";
  std::ofstream(path, std::ios::binary | std::ios::trunc) << file.Content();
  EXPECT_THAT(refusal({{"actuator", "network"}, {"actuator_network", path}}),
              HasSubstr("history_interval_s is 0.004"));
}

}  // namespace
}  // namespace armature
