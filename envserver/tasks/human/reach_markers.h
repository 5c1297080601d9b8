// What viewers see of a shield: in red where the human may be by the end of the stop in store, in
// blue where the arm would stop. Markers keep their size, so the human's reach is there in four
// sizes, of which one is in sight.
// Thread safety: none.
#ifndef ARMATURE_ENVSERVER_TASKS_HUMAN_REACH_MARKERS_H_
#define ARMATURE_ENVSERVER_TASKS_HUMAN_REACH_MARKERS_H_

#include <vector>

#include "Eigen/Geometry"
#include "envserver/kit/task.h"
#include "envserver/kit/task_builder.h"
#include "envserver/tasks/human/human_scene.h"
#include "envserver/tasks/human/safe_arm.h"

namespace armature {

class ReachMarkers {
 public:
  // `human`, `arm`: they outlive this; the cover of `arm` is `model`.
  ReachMarkers(TaskBuilder& task, const HumanModel& human, const ArmModel& model,
               const SafeArm* arm);

  // `base`: of the arm, in the world.
  void Place(const HumanPose& pose, const Eigen::Isometry3d& base, MarkerPoses& out) const;

 private:
  const HumanModel& human_;
  const ArmModel& model_;
  const SafeArm& arm_;
  std::vector<std::vector<Marker>> human_markers_;  // By level of time, by part.
  std::vector<Marker> stop_markers_;                // By capsule of the arm.
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_HUMAN_REACH_MARKERS_H_
