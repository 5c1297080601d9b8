// The arms of the tasks with a human, with the table that they stand on.
//
// Schunk LWA 4P: its foot at (0, 0, 0.82), 2 cm above a table; torques, 4 ms. Panda: its foot at
// (-0.6, 0, 0) on a table, as in the Panda tasks; position motors, 2 ms.
#ifndef ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_ARMS_H_
#define ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_ARMS_H_

#include "envserver/kit/task_builder.h"
#include "envserver/tasks/human/human_arm_task.h"

namespace armature {

// Each sets the task's clock, and adds the scene and cameras.
ArmSetup AddSchunk(TaskBuilder& task, double control_s, int horizon);
ArmSetup AddPanda(TaskBuilder& task, double control_s, int horizon);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_ARMS_H_
