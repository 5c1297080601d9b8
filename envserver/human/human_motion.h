// A motion of a human: a clip.
//
// A pose is where the pelvis is, where it heads (about z), and the rotations of the figure's
// skeleton, whose rest pose is StandingAt. With M_j the clip's mean rotation of joint j, its
// rotation from its parent is R_j(t) = M_j exp(a w_j(t)), a the amplitude. The vectors w_j, the
// heading and the pelvis' place are uniform cubic B-splines with knots every 1/30 s: so positions
// have continuous velocities and accelerations, which are computed, not differenced. A B-spline
// whose control points are samples is also a low-pass filter: 0.83 at 5 Hz, 0.47 at 10 Hz.
//
// Amplitude scales rotations about their means and the pelvis' way about its mean place; bones keep
// their length, and the person heads where it did.
//
// Thread safety: immutable; shared by all slots.
#ifndef ARMATURE_ENVSERVER_HUMAN_HUMAN_MOTION_H_
#define ARMATURE_ENVSERVER_HUMAN_HUMAN_MOTION_H_

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "Eigen/Core"
#include "Eigen/Geometry"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "envserver/human/human_figure.h"
#include "envserver/human/human_pose.h"

namespace armature {

struct MotionVariation {
  double speed = 1;      // Above 0.
  double amplitude = 1;  // 0 or more.
};

// Where a clip's origin is, and where its x axis points, in the frame that poses are wanted in.
struct HumanPlacement {
  Eigen::Vector3d position = Eigen::Vector3d::Zero();  // m; z is the floor's.
  double heading_rad = 0;                              // About z.
};

// One frame of a clip: rotations of each joint from its parent, the pelvis' from the world.
struct HumanFrame {
  Eigen::Vector3d pelvis;  // m
  std::array<Eigen::Quaterniond, kHumanJoints> rotation;
};

// Where the joints of a frame are.
std::array<Eigen::Vector3d, kHumanJoints> JointPositions(const HumanFrame& frame);

class HumanMotion {
 public:
  // A clip of frames `frame_s` apart; of higher rates than 30 Hz, each knot is a weighted mean of
  // the frames near it. InvalidArgument: less than 2 frames, more than an hour, a value that is not
  // finite, a pelvis farther than 50 m from the origin.
  static absl::StatusOr<std::shared_ptr<const HumanMotion>> FromFrames(
      std::string name, absl::Span<const HumanFrame> frames, double frame_s);

  // The same of frames that are known to be valid.
  static std::shared_ptr<const HumanMotion> FromValidFrames(std::string name,
                                                            absl::Span<const HumanFrame> frames,
                                                            double frame_s);

  const std::string& name() const { return name_; }
  double duration_s() const { return duration_s_; }
  // At speed 1 and amplitude 1, seen at the knots: between them it may be a few percent higher.
  const HumanPeak& peak() const { return peak_; }

  // The pose t_s after a begin at `variation.speed`. Before the begin and after the end,
  // duration_s() / speed, the figure stands still as it did there.
  void At(double t_s, const MotionVariation& variation, HumanPose* pose) const;

  // The same of a clip whose time passes unevenly: the time in the clip, its rate, and the rate's.
  struct Moment {
    double clip_s = 0;  // In [0, duration_s()].
    double rate = 1;
    double rate_change = 0;  // 1/s
  };
  void At(const Moment& moment, double amplitude, const HumanPlacement& placement,
          HumanPose* pose) const;

  // The pose at clip_s, as a frame, without placement.
  HumanFrame FrameAt(double clip_s, double amplitude) const;

  // The same motion, slower: it takes `factor` as long.
  std::shared_ptr<const HumanMotion> Slowed(double factor) const;

 private:
  // Pelvis 0..2, heading 3, the rotations' vectors from 4 on, joints that have children only.
  static constexpr int kMovedJoints = 19;
  static constexpr int kChannels = 4 + 3 * kMovedJoints;
  using Channels = Eigen::Matrix<double, kChannels, 1>;

  HumanMotion() = default;
  void FindPeak();
  // `first` and `second` may be null.
  void Spline(double clip_s, Channels* value, Channels* first, Channels* second) const;

  std::string name_;
  double knot_s_ = 0;
  double duration_s_ = 0;
  std::array<Eigen::Quaterniond, kMovedJoints> mean_rotation_;
  std::array<Eigen::Matrix3d, kMovedJoints> mean_matrix_;  // The same.
  Eigen::Vector3d mean_pelvis_;
  std::vector<Channels> control_;  // [knots + 2], one before the first knot, one after the last.
  HumanPeak peak_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_HUMAN_HUMAN_MOTION_H_
