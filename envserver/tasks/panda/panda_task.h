// Objects and goal of one Panda task, in addition to robot and table.
//
// Thread safety: none, like its world.
#ifndef ARMATURE_ENVSERVER_TASKS_PANDA_PANDA_TASK_H_
#define ARMATURE_ENVSERVER_TASKS_PANDA_PANDA_TASK_H_

#include <string>

#include "absl/types/span.h"
#include "common/random/rng.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/tasks/panda/panda_arm.h"

namespace armature {

struct PandaTaskFacts {
  std::string id;
  int goal_size = 3;
  int object_observation_size = 0;
  bool block_gripper = true;
  double distance_threshold_m = 0.05;
  int horizon = 50;  // Control steps.
};

class PandaTask {
 public:
  virtual ~PandaTask() = default;
  virtual PandaTaskFacts facts() const = 0;
  // Called once, after table and arm have been added. `world` outlives this.
  virtual void AddObjects(BulletWorld& world) = 0;
  // Begins an episode: places the objects and writes the goal.  [goal_size]
  virtual void Reset(Rng& rng, absl::Span<float> desired_goal) = 0;
  // [object_observation_size]
  virtual void ObserveObjects(absl::Span<float> observation) const = 0;
  // [goal_size]
  virtual void AchievedGoal(const PandaArm& arm, absl::Span<float> achieved_goal) const = 0;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_PANDA_PANDA_TASK_H_
