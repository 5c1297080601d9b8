// Small environments for tests of wrappers.
#ifndef ARMATURE_ENVSERVER_WRAPPERS_TESTING_WRAPPED_ENVS_H_
#define ARMATURE_ENVSERVER_WRAPPERS_TESTING_WRAPPED_ENVS_H_

#include "absl/status/status.h"
#include "envserver/env/env_registry.h"

namespace armature {

// Registers:
// - "scripted": written by hand, without a world; everything is a function of the step t.
//   Observation `state` float32 [2] = {t, -t} in [-20, 20]; `applied` float32 [2], the last action;
//   `velocity` float32 [3] = {3, 4, 5}; `orientation` float32 [4], 90 degrees about z; `count`
//   int64
//   [] = t; `precise` float64 [] = t / 8. Action Box {-2, 0} .. {2, 1}; control period 0.1 s;
//   reward t; metrics "sum", "mean" and "last", each t; parameter "level"; saves its state. Config:
//   `horizon` (10; 0: none), `ends_at` (0: never; terminated after that step), `discrete` (the
//   action is one of 3 choices), `goal` (`achieved` float32 [1] = t and `desired` float32 [1] = 3,
//   reward -|achieved - desired|), `executes` (0: reports no executed action; else it is this share
//   of the action).
// - "tumbling_box": a Task. A box with a free base falls onto the floor and can be pushed:
//   `position` [3], `orientation` [4], `velocity` [3], `angular_velocity` [3] of its base, and of
//   the world `mass` [1], `friction` [1], `size` [3] and `gravity` [3]; action Box [2], a
//   horizontal force of up to 5 N, of which the executed action has up to 4 N; control period 0.05
//   s, horizon 40; reward -|velocity|. With config `floats` there is no gravity and the box is at
//   rest.
// - "exact_arm": a Task. An arm of six joints over a floor and before a wall, whose joints are
//   exactly where they were sent: Env::arm. `joints` [6], `gripper` [1], `tool` [3], the tool's
//   place, and `target` [3], a point drawn at the reset; action Box [7] in [-1, 1], by how much to
//   turn the joints in units of 0.2 rad, and the gripper; control period 0.01 s, horizon 20; reward
//   -|tool - target|. At the reset the tool is at (0.71, 0, 0.385), and 0.03 m from the wall. With
//   config `goal` the tool's place and the target are the goals.
absl::Status RegisterWrappedEnvs(EnvRegistry& registry);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_WRAPPERS_TESTING_WRAPPED_ENVS_H_
