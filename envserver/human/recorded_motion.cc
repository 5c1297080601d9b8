#include "envserver/human/recorded_motion.h"

namespace armature {

Eigen::Quaterniond RecordedMotion::Rotation(int frame, int joint) const {
  const RecordedJoint& of = joints[joint];
  const double* value = &values[static_cast<size_t>(frame) * channels + of.first_channel];
  Eigen::Quaterniond rotation = Eigen::Quaterniond::Identity();
  for (const RecordedJoint::Channel& channel : of.channels) {
    if (channel.is_turn && channel.is_used) {
      const Eigen::Quaterniond turn(Eigen::AngleAxisd(*value, Eigen::Vector3d::Unit(channel.axis)));
      rotation = of.turns_from_bone ? turn * rotation : rotation * turn;
    }
    ++value;
  }
  return (of.axes * rotation * of.axes.conjugate()).normalized();
}

Eigen::Vector3d RecordedMotion::Offset(int frame, int joint) const {
  const RecordedJoint& of = joints[joint];
  const double* value = &values[static_cast<size_t>(frame) * channels + of.first_channel];
  Eigen::Vector3d offset = of.offset;
  for (const RecordedJoint::Channel& channel : of.channels) {
    if (!channel.is_turn && channel.is_used) offset[channel.axis] = *value;
    ++value;
  }
  return offset;
}

Eigen::Vector3d RecordedMotion::RestPosition(int joint) const {
  Eigen::Vector3d position = Eigen::Vector3d::Zero();
  for (; joints[joint].parent >= 0; joint = joints[joint].parent) position += joints[joint].offset;
  return position;
}

}  // namespace armature
