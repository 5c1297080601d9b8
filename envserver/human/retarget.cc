#include "envserver/human/retarget.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "envserver/human/human_figure.h"
#include "envserver/human/joint_names.h"
#include "envserver/human/rotation_vector.h"

namespace armature {
namespace {

using JointMap = std::array<int, kHumanJoints>;

constexpr double kShortest = 1e-4;    // Of a leg's length: what is shorter has no direction.
constexpr double kFrameError = 0.01;  // Of times of frames that were rounded.
constexpr double kCorner = 0.05;      // Sine of the least angle between the body's axes.

// The joint that a bone leads to; -1: none. A pelvis has no bone of its own here.
int NextOf(int joint) {
  constexpr int kNext[kHumanJoints] = {-1, 4,  5,  6,  7,  8,  9,  10, 11, 12, -1, -1,
                                       15, 16, 17, -1, 18, 19, 20, 21, 22, 23, -1, -1};
  return kNext[joint];
}

Eigen::Matrix3d UpToZ(LoadOptions::Up up) {
  // Axes change places in a circle, so that left stays left.
  Eigen::Matrix3d turn = Eigen::Matrix3d::Zero();
  const int axis = static_cast<int>(up);
  for (int row = 0; row < 3; ++row) turn(row, (axis + 1 + row) % 3) = 1;
  return turn;
}

// Half a turn if they are opposed, about any axis that does it.
Eigen::Quaterniond LeastRotation(const Eigen::Vector3d& from, const Eigen::Vector3d& to) {
  const Eigen::Vector3d a = from.normalized(), b = to.normalized();
  Eigen::Quaterniond rotation;
  rotation.w() = 1 + a.dot(b);
  rotation.vec() = rotation.w() > 1e-9 ? a.cross(b).eval() : a.unitOrthogonal().eval();
  return rotation.normalized();
}

class Retargeting {
 public:
  Retargeting(const RecordedMotion& motion, const LoadOptions& options, const JointMap& map)
      : motion_(motion), options_(options), map_(map), up_(UpToZ(options.up)) {}

  absl::StatusOr<std::shared_ptr<const HumanMotion>> Run(const std::string& name) {
    if (absl::Status status = MeasureRest(); !status.ok()) return status;
    const int first = static_cast<int>(std::ceil(options_.begin_s / motion_.frame_s - kFrameError));
    int last = motion_.frames() - 1;
    if (options_.end_s > 0) {
      last = std::min(last, static_cast<int>(options_.end_s / motion_.frame_s + kFrameError));
    }
    if (last - first < 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          motion_.path, ": there are no 2 frames between begin_s ", options_.begin_s, " and end_s ",
          options_.end_s, " of ", motion_.frame_s * (motion_.frames() - 1), " s"));
    }
    std::vector<HumanFrame> frames;
    for (int frame = first; frame <= last; ++frame) frames.push_back(Frame(frame));
    PutOnFloor(&frames);
    if (options_.begin_at_origin) BeginAtOrigin(&frames);
    absl::StatusOr<std::shared_ptr<const HumanMotion>> result =
        HumanMotion::FromFrames(name, frames, motion_.frame_s);
    if (result.ok()) return result;
    return absl::Status(result.status().code(),
                        absl::StrCat(motion_.path, ": ", result.status().message()));
  }

 private:
  Eigen::Vector3d Rest(int joint) const { return motion_.RestPosition(map_[joint]); }

  // The body's axes, the scale, and each joint's C.
  absl::Status MeasureRest() {
    double leg = 0, own_leg = 0;
    for (int side = 0; side < 2; ++side) {
      leg += (Rest(kKnee[side]) - Rest(kHip[side])).norm() +
             (Rest(kAnkle[side]) - Rest(kKnee[side])).norm();
      own_leg += HumanOffset(kKnee[side]).norm() + HumanOffset(kAnkle[side]).norm();
    }
    scale_ = options_.metres_per_unit > 0 ? options_.metres_per_unit : own_leg / leg;
    const double shortest = kShortest * leg;
    const Eigen::Vector3d left = Rest(kHip[0]) - Rest(kHip[1]);
    const Eigen::Vector3d up = (Rest(kShoulder[0]) + Rest(kShoulder[1])) / 2 - Rest(kPelvis);
    const Eigen::Vector3d ahead = left.cross(up);
    if (!(leg > 0) || !(left.norm() > shortest) || !(up.norm() > shortest) ||
        !(ahead.norm() > kCorner * left.norm() * up.norm())) {
      return absl::InvalidArgumentError(absl::StrCat(
          motion_.path, ": the skeleton at rest has no legs, or its hips, or its pelvis and its ",
          "shoulders, are in one place or in one line; is joint_names right?"));
    }
    Eigen::Matrix3d axes;
    axes.col(0) = ahead.normalized();
    axes.col(1) = left.normalized();
    axes.col(2) = axes.col(0).cross(axes.col(1));
    const Eigen::Quaterniond body(axes);
    for (int joint = 0; joint < kHumanJoints; ++joint) {
      const int parent = HumanParent(joint);
      to_file_[joint] = parent > 0 && map_[parent] >= 0 ? to_file_[parent] : body;
      if (map_[joint] < 0) continue;
      Eigen::Vector3d bone = Eigen::Vector3d::Zero();
      for (int next = NextOf(joint); next >= 0; next = NextOf(next)) {
        bone += HumanOffset(next);
        if (map_[next] < 0) continue;
        const Eigen::Vector3d theirs = Rest(next) - Rest(joint);
        if (theirs.norm() > shortest) {
          to_file_[joint] = LeastRotation(body * bone, theirs) * body;
        }
        break;
      }
    }
    return absl::OkStatus();
  }

  HumanFrame Frame(int frame) {
    // Of the file's joints, in its world.
    std::vector<Eigen::Quaterniond>& rotation = rotation_;
    std::vector<Eigen::Vector3d>& position = position_;
    rotation.resize(motion_.joints.size());
    position.resize(motion_.joints.size());
    for (size_t i = 0; i < motion_.joints.size(); ++i) {
      const int joint = static_cast<int>(i);
      const int parent = motion_.joints[i].parent;
      rotation[i] = motion_.Rotation(frame, joint);
      position[i] = motion_.Offset(frame, joint);
      if (parent < 0) continue;
      position[i] = position[parent] + rotation[parent] * position[i];
      rotation[i] = (rotation[parent] * rotation[i]).normalized();
    }
    HumanFrame result;
    result.pelvis = scale_ * (up_ * position[map_[kPelvis]]);
    const Eigen::Quaterniond up(up_);
    std::array<Eigen::Quaterniond, kHumanJoints> turned;  // Of the figure's joints, in the world.
    for (int joint = 0; joint < kHumanJoints; ++joint) {
      const int parent = HumanParent(joint);
      turned[joint] = map_[joint] >= 0 ? (up * rotation[map_[joint]] * to_file_[joint]).normalized()
                                       : turned[parent];
      result.rotation[joint] =
          parent < 0 ? turned[joint] : turned[parent].conjugate() * turned[joint];
    }
    return result;
  }

  // The lowest ankle or foot of all frames as high as that of one who stands.
  static void PutOnFloor(std::vector<HumanFrame>* frames) {
    const std::vector<Eigen::Vector3d> standing = StandingAt({0, 0, 0});
    double lowest = std::numeric_limits<double>::infinity();
    for (const HumanFrame& frame : *frames) {
      const auto position = JointPositions(frame);
      for (int side = 0; side < 2; ++side) {
        for (int joint : {kAnkle[side], kFoot[side]}) {
          lowest = std::min(lowest, position[joint].z() - standing[joint].z());
        }
      }
    }
    for (HumanFrame& frame : *frames) frame.pelvis.z() -= lowest;
  }

  static void BeginAtOrigin(std::vector<HumanFrame>* frames) {
    const Eigen::Quaterniond turn = RotationZ(-Heading(frames->front().rotation[0]));
    const Eigen::Vector3d from(frames->front().pelvis.x(), frames->front().pelvis.y(), 0);
    for (HumanFrame& frame : *frames) {
      frame.pelvis = turn * (frame.pelvis - from);
      frame.rotation[0] = turn * frame.rotation[0];
    }
  }

  const RecordedMotion& motion_;
  const LoadOptions& options_;
  const JointMap& map_;
  const Eigen::Matrix3d up_;
  double scale_ = 1;
  std::array<Eigen::Quaterniond, kHumanJoints> to_file_;  // C.
  std::vector<Eigen::Quaterniond> rotation_;
  std::vector<Eigen::Vector3d> position_;
};

absl::Status CheckOptions(const LoadOptions& options) {
  const bool has_times =
      options.begin_s >= 0 && options.begin_s < 1e6 && options.end_s >= 0 && options.end_s < 1e6;
  if (has_times && options.metres_per_unit >= 0 && options.metres_per_unit <= 1000) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("begin_s is ", options.begin_s, ", end_s ", options.end_s, "; need 0 to 1e6; ",
                   "metres_per_unit is ", options.metres_per_unit, "; needs 0 to 1000"));
}

// "walk" of "/a/b/walk.bvh".
std::string NameOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string file = slash == std::string::npos ? path : path.substr(slash + 1);
  return file.substr(0, file.rfind('.'));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const HumanMotion>> Retarget(const RecordedMotion& motion,
                                                            const LoadOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  const absl::StatusOr<JointMap> map = FindJoints(motion, options.joint_names);
  if (!map.ok()) return map.status();
  return Retargeting(motion, options, *map).Run(NameOf(motion.path));
}

}  // namespace armature
