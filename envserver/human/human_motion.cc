#include "envserver/human/human_motion.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "envserver/human/rotation_vector.h"

namespace armature {
namespace {

constexpr double kKnot_s = 1.0 / 30;
constexpr double kDurationMax_s = 3600;
constexpr double kPelvisMax_m = 50;
constexpr int kMeanFrames = 1000;  // Of which a mean is taken, at most, about.
constexpr int kMeanRounds = 6;
constexpr double kMeanError_rad = 1e-4;

// Joints that have children: the others' rotations move nothing.
constexpr int kMoved[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21};

// The fixed point of M = M exp(mean of log(M^-1 R)).
Eigen::Quaterniond MeanRotation(absl::Span<const Eigen::Quaterniond> rotations) {
  const size_t stride = rotations.size() / kMeanFrames + 1;
  Eigen::Quaterniond mean = rotations[rotations.size() / 2];
  for (int round = 0; round < kMeanRounds; ++round) {
    Eigen::Vector3d sum = Eigen::Vector3d::Zero();
    int count = 0;
    for (size_t i = 0; i < rotations.size(); i += stride, ++count) {
      sum += ToRotationVector(mean.conjugate() * rotations[i]);
    }
    mean = (mean * FromRotationVector(sum / count)).normalized();
    if (sum.norm() < kMeanError_rad * count) break;
  }
  return mean;
}

absl::Status CheckFrames(absl::Span<const HumanFrame> frames, double frame_s) {
  if (frames.size() < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("a motion needs 2 frames or more; there are ", frames.size()));
  }
  const double duration_s = frame_s * static_cast<double>(frames.size() - 1);
  if (!(frame_s >= 1e-5 && duration_s <= kDurationMax_s)) {
    return absl::InvalidArgumentError(absl::StrCat("frames every ", frame_s, " s for ", duration_s,
                                                   " s; at least 1e-5 s apart, and no more than ",
                                                   kDurationMax_s, " s in all"));
  }
  for (size_t i = 0; i < frames.size(); ++i) {
    if (!(frames[i].pelvis.norm() <= kPelvisMax_m)) {
      return absl::InvalidArgumentError(absl::StrCat("frame ", i, ": the pelvis is farther than ",
                                                     kPelvisMax_m, " m from the origin"));
    }
    for (int joint : kMoved) {
      const double length = frames[i].rotation[joint].norm();
      if (!(std::abs(length - 1) < 1e-3)) {
        return absl::InvalidArgumentError(absl::StrCat("frame ", i, ": the quaternion of ",
                                                       HumanJointName(joint), " has length ",
                                                       length, ", not 1"));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::array<Eigen::Vector3d, kHumanJoints> JointPositions(const HumanFrame& frame) {
  std::array<Eigen::Vector3d, kHumanJoints> position;
  std::array<Eigen::Quaterniond, kHumanJoints> rotation;
  position[0] = frame.pelvis;
  rotation[0] = frame.rotation[0];
  for (int joint = 1; joint < kHumanJoints; ++joint) {
    const int parent = HumanParent(joint);
    position[joint] = position[parent] + rotation[parent] * HumanOffset(joint);
    rotation[joint] = rotation[parent] * frame.rotation[joint];
  }
  return position;
}

absl::StatusOr<std::shared_ptr<const HumanMotion>> HumanMotion::FromFrames(
    std::string name, absl::Span<const HumanFrame> frames, double frame_s) {
  if (absl::Status status = CheckFrames(frames, frame_s); !status.ok()) return status;
  return FromValidFrames(std::move(name), frames, frame_s);
}

std::shared_ptr<const HumanMotion> HumanMotion::FromValidFrames(std::string name,
                                                                absl::Span<const HumanFrame> frames,
                                                                double frame_s) {
  const int count = static_cast<int>(frames.size());
  std::shared_ptr<HumanMotion> motion(new HumanMotion);
  motion->name_ = std::move(name);
  motion->duration_s_ = frame_s * (count - 1);

  // Frames as channels.
  std::vector<Channels> samples(count);
  for (int i = 0; i < count; ++i) samples[i].head<3>() = frames[i].pelvis;
  std::vector<Eigen::Quaterniond> rotations(count);
  for (int moved = 0; moved < kMovedJoints; ++moved) {
    for (int i = 0; i < count; ++i) {
      rotations[i] = frames[i].rotation[kMoved[moved]].normalized();
      if (moved > 0) continue;
      const double heading = Heading(rotations[i]);
      samples[i][3] = i == 0 ? AngleNear(heading, 0) : AngleNear(heading, samples[i - 1][3]);
      rotations[i] = RotationZ(-heading) * rotations[i];
    }
    const Eigen::Quaterniond mean = MeanRotation(rotations);
    motion->mean_rotation_[moved] = mean;
    motion->mean_matrix_[moved] = mean.toRotationMatrix();
    Eigen::Vector3d previous = Eigen::Vector3d::Zero();
    for (int i = 0; i < count; ++i) {
      previous = ToRotationVectorNear(mean.conjugate() * rotations[i], previous);
      samples[i].segment<3>(4 + 3 * moved) = previous;
    }
  }

  // Channels at knots: means of the frames near each, with weights that fall linearly with time.
  const int knots = std::max(2, static_cast<int>(std::round(motion->duration_s_ / kKnot_s)) + 1);
  motion->knot_s_ = motion->duration_s_ / (knots - 1);
  const double width = std::max(1.0, motion->knot_s_ / frame_s);  // In frames.
  motion->control_.resize(knots + 2);
  motion->mean_pelvis_.setZero();
  for (int knot = 0; knot < knots; ++knot) {
    const double centre = static_cast<double>(knot) * (count - 1) / (knots - 1);
    Channels sum = Channels::Zero();
    double weights = 0;
    const int last = std::min(count - 1, static_cast<int>(std::floor(centre + width)));
    for (int i = std::max(0, static_cast<int>(std::ceil(centre - width))); i <= last; ++i) {
      const double weight = 1 - std::abs(i - centre) / width;
      sum += weight * samples[i];
      weights += weight;
    }
    motion->control_[knot + 1] = sum / weights;
    motion->mean_pelvis_ += motion->control_[knot + 1].head<3>() / knots;
  }
  // No acceleration at the ends.
  auto& control = motion->control_;
  control[0] = 2 * control[1] - control[2];
  control[knots + 1] = 2 * control[knots] - control[knots - 1];
  motion->FindPeak();
  return motion;
}

void HumanMotion::FindPeak() {
  const int knots = static_cast<int>(control_.size()) - 2;
  HumanPose pose;
  for (int knot = 0; knot < knots; ++knot) {
    Moment moment;
    moment.clip_s = knot * knot_s_;
    At(moment, 1, {}, &pose);
    peak_.Include(pose);
  }
}

void HumanMotion::Spline(double clip_s, Channels* value, Channels* first, Channels* second) const {
  const double place = std::clamp(clip_s, 0.0, duration_s_) / knot_s_;
  const int knot = std::min(static_cast<int>(place), static_cast<int>(control_.size()) - 4);
  const double f = place - knot;
  const double g = 1 - f;
  const Channels* c = &control_[knot];
  *value = g * g * g / 6 * c[0] + ((3 * f - 6) * f * f + 4) / 6 * c[1] +
           (((3 - 3 * f) * f + 3) * f + 1) / 6 * c[2] + f * f * f / 6 * c[3];
  if (first == nullptr) return;
  *first = (-g * g / 2 * c[0] + (3 * f - 4) * f / 2 * c[1] + ((2 - 3 * f) * f + 1) / 2 * c[2] +
            f * f / 2 * c[3]) /
           knot_s_;
  *second = (g * c[0] + (3 * f - 2) * c[1] + (1 - 3 * f) * c[2] + f * c[3]) / (knot_s_ * knot_s_);
}

void HumanMotion::At(double t_s, const MotionVariation& variation, HumanPose* pose) const {
  Moment moment;
  moment.clip_s = t_s * variation.speed;
  moment.rate = moment.clip_s < 0 || moment.clip_s > duration_s_ ? 0 : variation.speed;
  At(moment, variation.amplitude, {}, pose);
}

void HumanMotion::At(const Moment& moment, double amplitude, const HumanPlacement& placement,
                     HumanPose* pose) const {
  Channels value, by_clip, second;
  Spline(moment.clip_s, &value, &by_clip, &second);
  const Channels first = moment.rate * by_clip;
  second = moment.rate * moment.rate * second + moment.rate_change * by_clip;

  const Eigen::Matrix3d placed = RotationZ(placement.heading_rad).toRotationMatrix();
  const Eigen::Vector3d pelvis = mean_pelvis_ + amplitude * (value.head<3>() - mean_pelvis_);
  pose->position[0] = placement.position + placed * pelvis;
  pose->velocity[0] = amplitude * (placed * first.head<3>());
  pose->acceleration[0] = amplitude * (placed * second.head<3>());

  // Of each joint, in the world; the last is the frame that the pelvis is tilted in.
  std::array<Eigen::Matrix3d, kHumanJoints + 1> rotation;
  std::array<Eigen::Vector3d, kHumanJoints + 1> turn, turn_change;
  rotation[kHumanJoints] = placed * RotationZ(value[3]).toRotationMatrix();
  turn[kHumanJoints] = {0, 0, first[3]};
  turn_change[kHumanJoints] = {0, 0, second[3]};
  for (int joint = 0, moved = 0; joint < kHumanJoints; ++joint) {
    const int parent = joint == 0 ? kHumanJoints : HumanParent(joint);
    if (joint > 0) {
      const Eigen::Vector3d bone = rotation[parent] * HumanOffset(joint);
      const Eigen::Vector3d swing = turn[parent].cross(bone);
      pose->position[joint] = pose->position[parent] + bone;
      pose->velocity[joint] = pose->velocity[parent] + swing;
      pose->acceleration[joint] =
          pose->acceleration[parent] + turn_change[parent].cross(bone) + turn[parent].cross(swing);
    }
    if (moved == kMovedJoints || kMoved[moved] != joint) continue;
    const int channel = 4 + 3 * moved;
    const TurningRotation own(amplitude * value.segment<3>(channel),
                              amplitude * first.segment<3>(channel),
                              amplitude * second.segment<3>(channel));
    const Eigen::Matrix3d base = rotation[parent] * mean_matrix_[moved];
    const Eigen::Vector3d own_turn = base * own.velocity;
    rotation[joint] = base * own.rotation;
    turn[joint] = turn[parent] + own_turn;
    turn_change[joint] =
        turn_change[parent] + base * own.acceleration + turn[parent].cross(own_turn);
    ++moved;
  }
}

HumanFrame HumanMotion::FrameAt(double clip_s, double amplitude) const {
  Channels value;
  Spline(clip_s, &value, nullptr, nullptr);
  HumanFrame frame;
  frame.pelvis = mean_pelvis_ + amplitude * (value.head<3>() - mean_pelvis_);
  frame.rotation.fill(Eigen::Quaterniond::Identity());
  for (int moved = 0; moved < kMovedJoints; ++moved) {
    frame.rotation[kMoved[moved]] =
        mean_rotation_[moved] * FromRotationVector(amplitude * value.segment<3>(4 + 3 * moved));
  }
  frame.rotation[0] = RotationZ(value[3]) * frame.rotation[0];
  return frame;
}

std::shared_ptr<const HumanMotion> HumanMotion::Slowed(double factor) const {
  std::shared_ptr<HumanMotion> slow(new HumanMotion(*this));
  slow->knot_s_ *= factor;
  slow->duration_s_ *= factor;
  slow->peak_.speed_m_s /= factor;
  slow->peak_.speed_share /= factor;
  slow->peak_.acceleration_m_s2 /= factor * factor;
  slow->peak_.acceleration_share /= factor * factor;
  return slow;
}

}  // namespace armature
