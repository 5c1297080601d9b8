// Where the 24 joints of a human are, and how they move.
#ifndef ARMATURE_ENVSERVER_HUMAN_HUMAN_POSE_H_
#define ARMATURE_ENVSERVER_HUMAN_HUMAN_POSE_H_

#include <array>

#include "Eigen/Core"
#include "envserver/human/human_figure.h"

namespace armature {

// z up. A clip's: the floor is z = 0. A playback's: as its placement says.
struct HumanPose {
  std::array<Eigen::Vector3d, kHumanJoints> position;      // m
  std::array<Eigen::Vector3d, kHumanJoints> velocity;      // m/s
  std::array<Eigen::Vector3d, kHumanJoints> acceleration;  // m/s^2
};

// The highest over joints of speed and acceleration, and of each over what HumanFigure allows that
// joint: above 1, the bounds that a shield assumes are broken.
struct HumanPeak {
  double speed_m_s = 0;
  double acceleration_m_s2 = 0;
  double speed_share = 0;
  double acceleration_share = 0;

  bool BreaksBounds() const { return speed_share > 1 || acceleration_share > 1; }
  void Include(const HumanPose& pose);
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_HUMAN_HUMAN_POSE_H_
