// Small environments for tests of code that runs environments.
#ifndef ARMATURE_ENVSERVER_TESTING_TEST_ENVS_H_
#define ARMATURE_ENVSERVER_TESTING_TEST_ENVS_H_

#include <memory>

#include "absl/status/status.h"
#include "envserver/env/env_registry.h"
#include "envserver/testing/hang_gate.h"  // IWYU pragma: export

namespace armature {

// Registers:
// - "point_mass": push a point in a square to a goal. Observation `observation` float32 [2],
//   `achieved_goal` [2], `desired_goal` [2]; action Box [2] in [-1, 1]; reward -distance;
//   terminated at the goal (config terminate_on_success, default true); horizon 20; reports
//   success. With config `render` true it draws the square, 24 x 16 pixels, y upwards: green goal,
//   white point, black background.
// - "counter": Discrete(3), observation `count` int64 [] and `odd` uint8 [2], no goal, no horizon.
//   Each step adds the choice to the count; terminated when the count exceeds config `limit`
//   (default 10); the reward is the choice.
// - "faulty": point_mass with the fault that config `fault` names in each step whose action[1] is
//   1: throw, throw_other (not a std::exception), nan_reward, nan_observation, hang (at `gate`).
//   With config `also_reset` true, Reset of every later environment has the same fault, so
//   replacing does not help. With config `fatal_reset` n > 0, the nth Reset over all environments
//   has it too; a NaN is then always in the observation. With config `fatal_render` true, it
//   renders like point_mass, but throws or hangs instead of drawing.
// - "equipped": see equipped_env.h.
absl::Status RegisterTestEnvs(EnvRegistry& registry, std::shared_ptr<HangGate> gate);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TESTING_TEST_ENVS_H_
