// Tests of what every environment promises (envserver/env/env.h), for any registry:
//
//   int main(int argc, char** argv) {
//     testing::InitGoogleTest(&argc, argv);
//     armature::RegisterConformanceTests(RegisterMyTasks, {{"my_task", {{"mode", "hard"}}}});
//     return RUN_ALL_TESTS();
//   }
//
// With random actions they hold an environment to: observations and rewards within the spec, over
// ConformanceOptions::steps; the same episode, to the bit, for the same seed, whatever happened
// before, in other instances and threads; every element of the observation written at each step;
// terminated and truncated apart; ComputeReward as Step; metrics finite; executed actions within
// the action's bounds; parameters at their limits; a saved state that goes on with the same bits,
// in the same instance and in another; unknown keys refused.
#ifndef ARMATURE_ENVSERVER_CONFORMANCE_CONFORMANCE_H_
#define ARMATURE_ENVSERVER_CONFORMANCE_CONFORMANCE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "envserver/env/env_registry.h"

namespace armature {

struct ConformanceCase {
  std::string env_id;
  EnvConfig config;
};

struct ConformanceOptions {
  int64_t steps = 10000;             // For observations and rewards within the spec.
  int64_t episode_steps_max = 1000;  // Longer episodes are cut.
  bool with_defaults = true;         // Whether every environment runs with its defaults.
};

// Registers the tests with GoogleTest: every environment with its defaults, then `more` cases. They
// are named Conformance/PROMISE.Holds/ENV_ID with the values of the config. Call it once, after
// InitGoogleTest.
void RegisterConformanceTests(const std::function<absl::Status(EnvRegistry&)>& register_envs,
                              const std::vector<ConformanceCase>& more,
                              const ConformanceOptions& options = {});

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_CONFORMANCE_CONFORMANCE_H_
