// What every environment promises, of the defaults and of other values of the task's keys.
#include "envserver/conformance/conformance.h"

#include "gtest/gtest.h"
#include "two_link_arm.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  armature::RegisterConformanceTests(
      RegisterTwoLinkArm, {{"two_link_arm", {{"tolerance_m", "0.2"}, {"reward.effort", "0.1"}}}});
  return RUN_ALL_TESTS();
}
