// Steps of an actuator allocate nothing: every call of malloc in this process is counted.
#include <memory>
#include <vector>

#include "envserver/actuators/network_actuator.h"
#include "envserver/actuators/testing/network_file.h"
#include "envserver/bullet/testing/allocations.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(AllocationTest, AnEpisodeOfANetworkAllocatesNothing) {
  const auto network =
      ActuatorNetwork::Parse(RandomNetworkFile({6, 32, 32, 32}, "softsign").Content());
  ASSERT_TRUE(network.ok()) << network.status();
  const auto actuator = NetworkActuator::Create(*network, 12, 0.0025);
  ASSERT_TRUE(actuator.ok()) << actuator.status();
  const std::vector<double> joints(12, 0.1);
  std::vector<double> torque(12);
  const long before = Allocations();
  (*actuator)->Reset();
  for (int t = 0; t < 100; ++t) {
    (*actuator)->ComputeTorques({joints, joints, joints}, absl::MakeSpan(torque));
  }
  EXPECT_EQ(Allocations() - before, 0);
}

}  // namespace
}  // namespace armature
