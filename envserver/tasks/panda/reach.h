// Reach: move the end effector to a point. Goal: x, y ~ U(+-0.15), z ~ U(0, 0.3), in m.
#ifndef ARMATURE_ENVSERVER_TASKS_PANDA_REACH_H_
#define ARMATURE_ENVSERVER_TASKS_PANDA_REACH_H_

#include "envserver/tasks/panda/panda_task.h"

namespace armature {

class Reach : public PandaTask {
 public:
  PandaTaskFacts facts() const override;
  void AddObjects(BulletWorld& world) override;
  void Reset(Rng& rng, absl::Span<float> desired_goal) override;
  void ObserveObjects(absl::Span<float> observation) const override;
  void AchievedGoal(const PandaArm& arm, absl::Span<float> achieved_goal) const override;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_PANDA_REACH_H_
