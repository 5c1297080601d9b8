// What a motion file says: a skeleton of its own, and numbers for each frame.
#ifndef ARMATURE_ENVSERVER_HUMAN_RECORDED_MOTION_H_
#define ARMATURE_ENVSERVER_HUMAN_RECORDED_MOTION_H_

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "Eigen/Core"
#include "Eigen/Geometry"

namespace armature {

// What is read at most.
inline constexpr int kRecordedJointsMax = 1000;
inline constexpr int kRecordedFramesMax = 500'000;  // 69 minutes of 120 a second.
inline constexpr size_t kRecordedValuesMax = 30'000'000;

// In the file's axes and unit of length.
struct RecordedJoint {
  // A number of a frame: a place along an axis, or a turn about one (rad).
  struct Channel {
    bool is_turn = true;
    int axis = 0;  // 0 to 2.
    bool is_used = true;
  };

  std::string name;
  int parent = -1;                                   // Has a lower index.
  Eigen::Vector3d offset = Eigen::Vector3d::Zero();  // From the parent's joint, at rest.
  // Turns are about this frame's axes, those of the world at rest if it is the identity.
  Eigen::Quaterniond axes = Eigen::Quaterniond::Identity();
  std::vector<Channel> channels;
  int first_channel = 0;
  // Whether the first turn is the one nearest to the bone (Acclaim), or to the parent (BVH).
  bool turns_from_bone = false;
};

struct RecordedMotion {
  int frames() const {
    return channels == 0 ? 0 : static_cast<int>(values.size() / static_cast<size_t>(channels));
  }

  // What a file of as many channels may have.
  int FramesMax() const {
    const size_t by_values = kRecordedValuesMax / static_cast<size_t>(channels);
    return static_cast<int>(std::min<size_t>(by_values, kRecordedFramesMax));
  }

  // Of `joint` in `frame`: its rotation from its parent, whose rest frames are parallel, and where
  // it is from there.
  Eigen::Quaterniond Rotation(int frame, int joint) const;
  Eigen::Vector3d Offset(int frame, int joint) const;
  // Of the rest pose, from the root.
  Eigen::Vector3d RestPosition(int joint) const;

  std::string path;
  std::vector<RecordedJoint> joints;
  double frame_s = 0;
  int channels = 0;
  std::vector<double> values;  // [frames, channels]
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_HUMAN_RECORDED_MOTION_H_
