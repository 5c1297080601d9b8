#include "envserver/actuators/pd_actuator.h"

#include <vector>

#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(PdActuator, IsProportionalToTheErrorLessTheVelocityAndHeldToItsLimit) {
  PdActuator actuator({/*proportional=*/50, /*derivative=*/0.2}, {40, 40, 40, 30});
  actuator.Reset();
  const std::vector<double> target = {0.5, 0.1, 2, -2}, position = {0.25, 0.1, 0, 0},
                            velocity = {0, 10, 0, 0};
  std::vector<double> torque(4);
  actuator.ComputeTorques({target, position, velocity}, absl::MakeSpan(torque));
  EXPECT_EQ(torque, (std::vector<double>{12.5, -2, 40, -30}));
  EXPECT_EQ(actuator.num_joints(), 4);
  EXPECT_TRUE(actuator.State().empty());
}

}  // namespace
}  // namespace armature
