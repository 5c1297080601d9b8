// Small environments for tests of whatever runs environments.
#ifndef ARMATURE_ENVSERVER_TESTING_TEST_ENVS_H_
#define ARMATURE_ENVSERVER_TESTING_TEST_ENVS_H_

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "envserver/kit/env_registry.h"

namespace armature {

// Where the calls of a hanging environment wait, and how a test follows them.
// Thread safety: all methods.
class HangGate {
 public:
  // Blocks until Open.
  void Pass();
  // Lets every call go on, those to come too.
  void Open();
  // Returns once so many calls have come here.
  void WaitForWaiting(int64_t calls);
  // Environments that have waited and have since been destroyed.
  void WaitForDestroyed(int64_t environments);
  // All environments that have been destroyed.
  void WaitForFreed(int64_t environments);
  void CountFreed(bool has_waited);

 private:
  absl::Mutex mutex_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t destroyed_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t freed_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Registers:
// - "point_mass": a point in a square is pushed towards a goal. Observation
//   `observation` float32 [2], `achieved_goal` [2], `desired_goal` [2]; action Box
//   [2] in [-1, 1]; reward -distance; terminated at the goal (config
//   terminate_on_success, default true); horizon 20; reports success. With config
//   `render` true it draws the square, 24 x 16 pixels, y upwards: the goal green, the
//   point white, all else black.
// - "counter": Discrete(3), observation `count` int64 [] and `odd` uint8 [2], no
//   goal, no horizon; terminated when the count, raised by the choice, exceeds
//   config `limit` (default 10); reward is the choice.
// - "faulty": point_mass that does what config `fault` says in the step whose
//   action[1] is 1: throw, throw_other (not a std::exception), nan_reward,
//   nan_observation, hang (at `gate`). With config `also_reset` true, the Reset of
//   every later environment does the same: a fault that replacing does not cure.
//   With config `fatal_reset` n > 0, the nth Reset of all environments does it, too,
//   a NaN always in the observation. With config `fatal_render` true, it renders as
//   point_mass does, except that a throw or a hang comes instead.
absl::Status RegisterTestEnvs(EnvRegistry& registry, std::shared_ptr<HangGate> gate);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TESTING_TEST_ENVS_H_
