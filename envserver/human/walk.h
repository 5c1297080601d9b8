// Ways of the figure from one pose to another: on the spot, or in steps.
//
// Who walks puts its feet down in turn and leaves them where they are while it stands on them; the
// legs follow by inverse kinematics, arms swing with the feet of the other side.
#ifndef ARMATURE_ENVSERVER_HUMAN_WALK_H_
#define ARMATURE_ENVSERVER_HUMAN_WALK_H_

#include <memory>
#include <string>
#include <vector>

#include "Eigen/Core"
#include "envserver/human/human_motion.h"

namespace armature {

inline constexpr double kFrame_s = 1.0 / 30;  // Between the frames of motions that are made here.

// Stands with arms hanging and knees a little bent; the pelvis is above (x, y).
HumanFrame StandingFrame(double x, double y, double heading_rad);

struct Pace {
  double walk_m_s = 0.5;
  double step_s = 0.62;
  double arm_swing = 1.5;  // rad/m, of the other side's foot ahead of the pelvis.
};

// Frames kFrame_s apart, at rest at both ends.
std::vector<HumanFrame> PlanWay(const HumanFrame& from, const HumanFrame& to, const Pace& pace);

// A motion of frames kFrame_s apart, slowed so that it keeps the figure's bounds with some room.
// The frames are valid.
std::shared_ptr<const HumanMotion> WithinBounds(std::string name,
                                                const std::vector<HumanFrame>& frames);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_HUMAN_WALK_H_
