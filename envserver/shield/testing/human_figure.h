// A human of 24 joints and 23 capsules, with human-robot-gym's bounds and thicknesses.
#ifndef ARMATURE_ENVSERVER_SHIELD_TESTING_HUMAN_FIGURE_H_
#define ARMATURE_ENVSERVER_SHIELD_TESTING_HUMAN_FIGURE_H_

#include <vector>

#include "Eigen/Core"
#include "envserver/shield/human_model.h"

namespace armature {

// Joints of an arm, from the body outwards; side is 0 or 1.
inline constexpr int kShoulder[] = {16, 17};
inline constexpr int kElbow[] = {18, 19};
inline constexpr int kWrist[] = {20, 21};
inline constexpr int kHand[] = {22, 23};
inline constexpr double kArmLength_m = 0.825;

// Without errors and delay.
HumanModel HumanFigure();
// With those of a good tracker: 0.02 m, 0.1 m/s, 16 ms.
HumanModel TrackedHumanFigure();

// Upright, arms hanging, feet at `feet`.
std::vector<Eigen::Vector3d> StandingAt(const Eigen::Vector3d& feet);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SHIELD_TESTING_HUMAN_FIGURE_H_
