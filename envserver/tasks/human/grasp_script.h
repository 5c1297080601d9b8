// How a gripper that looks down takes a thing and brings it somewhere: one move at a time, which
// depends on where things are alone.
//
// Not gripped: above the thing, open; down to it; close. Gripped: up, across and down to the
// target, on a cone above it, or straight there. Upstream's experts go through the same stages.
// Thread safety: free function.
// Units: m, in the world.
#ifndef ARMATURE_ENVSERVER_TASKS_HUMAN_GRASP_SCRIPT_H_
#define ARMATURE_ENVSERVER_TASKS_HUMAN_GRASP_SCRIPT_H_

#include "LinearMath/btVector3.h"

namespace armature {

struct GraspScene {
  btVector3 tool;
  btVector3 grip;             // Where the tool is to be to grip the thing.
  btVector3 target;           // Where it is to be to have brought it.
  double target_hover_m = 0;  // Of the cone above the target; 0: straight there.
  double opening_m = 0;       // Between the fingers.
  double opening_max_m = 0;
  bool is_gripped = false;
};

struct GraspMove {
  btVector3 tool;     // Where it goes.
  float gripper = 1;  // 1 opens, -1 closes.
};

GraspMove NextGraspMove(const GraspScene& scene);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_HUMAN_GRASP_SCRIPT_H_
