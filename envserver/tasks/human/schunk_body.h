// The Schunk LWA 4P with a gripper of two fingers, made of primitives.
//
// Facts: joints, limits, efforts and masses of links as in human-robot-gym's model; the shapes are
// the capsules of envserver/shield's SchunkArm, but for the gripper: a palm and two fingers of 50 g
// each, which open by 43 mm to each side and are driven by SchunkFingers. Inertias are those of
// boxes around the shapes. Links: "base", "link_1" .. "link_6", "finger_left", "finger_right",
// "tool"; the tool is the point between the fingers. Thread safety: free function, any thread.
#ifndef ARMATURE_ENVSERVER_TASKS_HUMAN_SCHUNK_BODY_H_
#define ARMATURE_ENVSERVER_TASKS_HUMAN_SCHUNK_BODY_H_

#include <memory>

#include "envserver/bullet/body_model.h"

namespace armature {

inline constexpr int kSchunkJoints = 6;
inline constexpr double kFingerOpen_m = 0.0425;  // From the middle to a finger's inner side.

// Made once, and shared.
std::shared_ptr<const BodyModel> SchunkBody();

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_HUMAN_SCHUNK_BODY_H_
