// A human of 24 joints and 23 capsules, with human-robot-gym's bounds and thicknesses.
//
// Joints are numbered as SMPL numbers them. One who stands faces +x, left is +y, up is +z.
#ifndef ARMATURE_ENVSERVER_HUMAN_HUMAN_FIGURE_H_
#define ARMATURE_ENVSERVER_HUMAN_HUMAN_FIGURE_H_

#include <string>
#include <vector>

#include "Eigen/Core"
#include "absl/strings/string_view.h"
#include "envserver/shield/human_model.h"

namespace armature {

inline constexpr int kHumanJoints = 24;
inline constexpr int kPelvis = 0;
inline constexpr int kSpine[] = {3, 6, 9};
inline constexpr int kNeck = 12;
inline constexpr int kHead = 15;
// Joints of a leg and of an arm, from the body outwards; side 0 is left, 1 is right.
inline constexpr int kHip[] = {1, 2};
inline constexpr int kKnee[] = {4, 5};
inline constexpr int kAnkle[] = {7, 8};
inline constexpr int kFoot[] = {10, 11};
inline constexpr int kCollar[] = {13, 14};
inline constexpr int kShoulder[] = {16, 17};
inline constexpr int kElbow[] = {18, 19};
inline constexpr int kWrist[] = {20, 21};
inline constexpr int kHand[] = {22, 23};
inline constexpr double kArmLength_m = 0.825;

// -1: of the pelvis. Parents have lower numbers.
int HumanParent(int joint);
// "pelvis", "left_hip", ...
absl::string_view HumanJointName(int joint);
// From its parent, of one who stands; the pelvis: from the floor.
const Eigen::Vector3d& HumanOffset(int joint);
double HumanAccelerationMax_m_s2(int joint);
inline constexpr double kHumanSpeedMax_m_s = 2;

// Without errors and delay.
HumanModel HumanFigure();
// With those of a good tracker: 0.02 m, 0.1 m/s, 16 ms.
HumanModel TrackedHumanFigure();

// Upright, arms hanging, feet at `feet`.
std::vector<Eigen::Vector3d> StandingAt(const Eigen::Vector3d& feet);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_HUMAN_HUMAN_FIGURE_H_
