// A small environment with every ability that an environment may have, for tests.
//
// "equipped": a point in a square is pushed to a goal. Observation `observation` float32 [2],
// `achieved_goal` [2], `desired_goal` [2]; action Box [2] in [-1, 1]; each step moves the point by
// a tenth of the action and by a little noise. Horizon 20; terminated at the goal (config
// terminate_on_success, default true); reports success.
// - Goal extras `push` [2], the action, and `effort` [], a tenth of its square; the reward is
//   -distance - effort.
// - Metrics "reward/distance" and "reward/effort" (sums, which add up to the reward), "speed"
// (mean)
//   and "distance" (last).
// - The executed action is the way that the point went, over a tenth: it has the noise, and ends at
//   the square's edge.
// - Parameter "level", 0 .. 1, initially 1: point and goal begin within [-level, level].
// - Saved states. Scene: a floor, the point (a mesh) and the goal (a marker,
//   which turns green when reached), unless config `has_scene` is false.
// Config `fault` breaks, at the gate or otherwise, what it names: nan_metric, nan_extra,
// nan_executed, wild_executed, throw_executed, throw_metrics and hang_step in steps whose action[1]
// is 1; throw_save, hang_save, refuse_save,
// throw_restore, throw_view, nan_view and hang_view always.
#ifndef ARMATURE_ENVSERVER_TESTING_EQUIPPED_ENV_H_
#define ARMATURE_ENVSERVER_TESTING_EQUIPPED_ENV_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "envserver/env/env_registry.h"
#include "envserver/testing/hang_gate.h"

namespace armature {

inline constexpr int64_t kEquippedStateBytes = 64;

// Registers "equipped".
absl::Status RegisterEquippedEnv(EnvRegistry& registry, std::shared_ptr<HangGate> gate);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TESTING_EQUIPPED_ENV_H_
