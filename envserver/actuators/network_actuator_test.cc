#include "envserver/actuators/network_actuator.h"

#include <cmath>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "envserver/actuators/testing/network_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int kJoints = 12;
constexpr double kStepS = 0.0025;  // A quarter of the file's interval.

NetworkFile TheFile() { return RandomNetworkFile({6, 32, 32, 32}, "softsign"); }

std::unique_ptr<NetworkActuator> Make(const NetworkFile& file, double physics_step_s = kStepS) {
  const auto network = ActuatorNetwork::Parse(file.Content());
  if (!network.ok()) std::abort();
  auto actuator = NetworkActuator::Create(*network, kJoints, physics_step_s);
  if (!actuator.ok()) std::abort();
  return *std::move(actuator);
}

// What the joints do in step t.
struct Motion {
  explicit Motion(int t) {
    for (int i = 0; i < kJoints; ++i) {
      target.push_back(0.4 * std::sin(0.3 * t + i));
      position.push_back(0.3 * std::cos(0.2 * t + 2 * i));
      velocity.push_back(5 * std::sin(0.1 * t - i));
    }
  }
  JointStates states() const { return {target, position, velocity}; }
  float error(int i) const { return static_cast<float>(target[i] - position[i]); }

  std::vector<double> target, position, velocity;
};

std::vector<double> Step(Actuator& actuator, int t) {
  const Motion motion(t);
  std::vector<double> torque(kJoints);
  actuator.ComputeTorques(motion.states(), absl::MakeSpan(torque));
  return torque;
}

TEST(NetworkActuator, SeesEachJointNowAndOneAndTwoIntervalsAgo) {
  const NetworkFile file = TheFile();
  const auto actuator = Make(file);
  actuator->Reset();
  for (int t = 0; t < 30; ++t) {
    const std::vector<double> torque = Step(*actuator, t);
    // Before the first step, all is as in it.
    const Motion now(t), before(std::max(0, t - 4)), earlier(std::max(0, t - 8));
    for (int i = 0; i < kJoints; ++i) {
      const auto velocity = [&](const Motion& m) { return static_cast<float>(m.velocity[i]); };
      const double expected = file.Torque({now.error(i), before.error(i), earlier.error(i),
                                           velocity(now), velocity(before), velocity(earlier)});
      EXPECT_NEAR(torque[i], std::min(40.0, std::max(-40.0, expected)), 1e-4) << t << " " << i;
    }
  }
}

TEST(NetworkActuator, ResetForgetsEarlierSteps) {
  const auto used = Make(TheFile());
  for (int t = 0; t < 20; ++t) Step(*used, t);
  used->Reset();
  const auto fresh = Make(TheFile());
  fresh->Reset();
  for (int t = 50; t < 70; ++t) EXPECT_EQ(Step(*used, t), Step(*fresh, t)) << t;
}

TEST(NetworkActuator, ARestoredStateGivesTheSameBits) {
  const auto actuator = Make(TheFile());
  for (const int steps : {0, 1, 5, 20}) {
    actuator->Reset();
    for (int t = 0; t < steps; ++t) Step(*actuator, t);
    const std::vector<float> saved(actuator->State().begin(), actuator->State().end());
    std::vector<std::vector<double>> expected;
    for (int t = steps; t < steps + 20; ++t) expected.push_back(Step(*actuator, t));

    const auto other = Make(TheFile());
    for (int t = 100; t < 103; ++t) Step(*other, t);
    ASSERT_EQ(other->State().size(), saved.size());
    std::copy(saved.begin(), saved.end(), other->State().begin());
    for (int t = steps; t < steps + 20; ++t) {
      EXPECT_EQ(Step(*other, t), expected[t - steps]) << steps << " " << t;
    }
  }
}

TEST(NetworkActuator, HoldsTorquesToTheFilesLimit) {
  NetworkFile file = TheFile();
  file.metadata["torque_max"] = "0.5";
  const auto actuator = Make(file);
  double largest = 0;
  for (int t = 0; t < 20; ++t) {
    for (const double torque : Step(*actuator, t)) {
      EXPECT_LE(std::abs(torque), 0.5);
      largest = std::max(largest, std::abs(torque));
    }
  }
  EXPECT_EQ(largest, 0.5);
}

TEST(NetworkActuator, NanOfAJointReachesThatJointOnly) {
  const auto actuator = Make(TheFile());
  const std::vector<double> expected = Step(*actuator, 3);
  Motion motion(3);
  motion.velocity[5] = std::numeric_limits<double>::quiet_NaN();
  actuator->Reset();
  std::vector<double> torque(kJoints);
  actuator->ComputeTorques(motion.states(), absl::MakeSpan(torque));
  for (int i = 0; i < kJoints; ++i) {
    if (i == 5) {
      EXPECT_TRUE(std::isnan(torque[i]));
    } else {
      EXPECT_EQ(torque[i], expected[i]) << i;
    }
  }
}

TEST(NetworkActuator, TheIntervalMustBeWholePhysicsSteps) {
  const auto network = ActuatorNetwork::Parse(TheFile().Content());
  ASSERT_TRUE(network.ok());
  for (const double step : {0.01, 0.005, 0.002, 1.0 / 300, 0.00001}) {
    EXPECT_TRUE(NetworkActuator::Create(*network, 1, step).ok()) << step;
  }
  for (const double step : {0.003, 0.02, 0.000001}) {
    const absl::Status status = NetworkActuator::Create(*network, 1, step).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(),
                AllOf(HasSubstr("history_interval_s is 0.01"), HasSubstr("physics steps of")));
  }
}

}  // namespace
}  // namespace armature
