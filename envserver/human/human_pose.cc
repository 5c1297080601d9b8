#include "envserver/human/human_pose.h"

#include <algorithm>

namespace armature {

void HumanPeak::Include(const HumanPose& pose) {
  for (int joint = 0; joint < kHumanJoints; ++joint) {
    const double speed = pose.velocity[joint].norm();
    const double acceleration = pose.acceleration[joint].norm();
    speed_m_s = std::max(speed_m_s, speed);
    acceleration_m_s2 = std::max(acceleration_m_s2, acceleration);
    speed_share = std::max(speed_share, speed / kHumanSpeedMax_m_s);
    acceleration_share =
        std::max(acceleration_share, acceleration / HumanAccelerationMax_m_s2(joint));
  }
}

}  // namespace armature
