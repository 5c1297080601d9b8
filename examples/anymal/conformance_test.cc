// What every environment promises, of the defaults and of other values of the task's keys.
#include "envserver/conformance/conformance.h"

#include "anymal.h"
#include "gtest/gtest.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  armature::RegisterConformanceTests(
      RegisterAnymal, {{"anymal", {{"action_scale", "0.1"}, {"reward.torque", "1e-3"}}}});
  return RUN_ALL_TESTS();
}
