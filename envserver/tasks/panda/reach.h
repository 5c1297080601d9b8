// Reach: move the end effector to a point. Goal: x, y ~ U(+-0.15), z ~ U(0, 0.3), in m.
#ifndef ARMATURE_ENVSERVER_TASKS_PANDA_REACH_H_
#define ARMATURE_ENVSERVER_TASKS_PANDA_REACH_H_

#include "absl/status/status.h"
#include "envserver/env/env_registry.h"
#include "envserver/tasks/panda/panda_task.h"

namespace armature {

class Reach : public PandaTask {
 public:
  explicit Reach(const PandaConfig& config) : PandaTask(config, PandaTaskFacts()) {}

  void Show(MarkerPoses& out) override;

 protected:
  void AddObjects(TaskBuilder& task) override;
  void PlaceObjects(absl::Span<float> desired_goal) override;
  void AchievedGoal(absl::Span<float> achieved_goal) override;

 private:
  Marker goal_;
};

// As "panda_reach".
absl::Status RegisterPandaReach(EnvRegistry& registry);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_PANDA_REACH_H_
