#include "envserver/human/walk.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <utility>

#include "envserver/human/human_figure.h"
#include "envserver/human/limb.h"
#include "envserver/human/ramp.h"
#include "envserver/human/rotation_vector.h"

namespace armature {
namespace {

constexpr double kPelvis_m = 0.92;  // With knees a little bent, so that legs reach ahead and back.
constexpr double kAnkle_m = 0.08;
constexpr double kAnkleAside_m = 0.1;
constexpr double kLift_m = 0.05;   // Of a foot that swings.
constexpr double kSway_m = 0.015;  // Of the pelvis, towards the foot that stands.
constexpr double kTurn_rad_s = 1.2;
constexpr double kRamp_s = 0.8;       // To the walk's speed and to the turn's.
constexpr double kBlend_s = 0.9;      // From the first pose to walking, and to the last.
constexpr double kStepFrom_m = 0.06;  // Below this, who goes slides its feet.
constexpr double kStepFrom_rad = 0.2;
constexpr double kFaceFrom_m = 0.6;   // From here on, who walks looks ahead.
constexpr double kSwingBegin = 0.03;  // Of a step's time.
constexpr double kSlowest_s = 0.5;    // Of a change on the spot.
constexpr double kOnTheSpot_m_s = 1;  // A joint's highest speed there, about.
constexpr double kBoundsShare = 0.93;
constexpr int kStill = 3;  // Frames, so that a motion begins and ends at rest.

struct Stance {
  Eigen::Vector3d place;  // x, y, heading.
  Eigen::Quaterniond tilt;
};

Stance StanceOf(const HumanFrame& frame) {
  const double heading = Heading(frame.rotation[0]);
  return {{frame.pelvis.x(), frame.pelvis.y(), heading}, RotationZ(-heading) * frame.rotation[0]};
}

// From 0 to `total` within `duration`, with ramps.
double Share(double t, double duration, double ramp) {
  ramp = std::min(ramp, duration / 2);
  return Ramp(t, duration, ramp).value / (duration - ramp);
}

double TimeFor(double way, double speed) { return way == 0 ? 0 : way / speed + kRamp_s; }

// Where the pelvis goes: straight, turned towards where it goes if that is far.
class Path {
 public:
  Path(const Eigen::Vector3d& from, const Eigen::Vector3d& to, const Pace& pace) : from_(from) {
    way_ = (to - from).head<2>();
    const double distance = way_.norm();
    double ahead = from.z();
    if (distance > kFaceFrom_m) {
      ahead = AngleNear(std::atan2(way_.y(), way_.x()), from.z());
      turn_[0] = ahead - from.z();
    }
    turn_[1] = AngleNear(to.z(), ahead) - ahead;
    turn_s_[0] = TimeFor(std::abs(turn_[0]), kTurn_rad_s);
    turn_s_[1] = TimeFor(std::abs(turn_[1]), kTurn_rad_s);
    walk_s_ = TimeFor(distance, pace.walk_m_s);
    walk_begin_s_ = turn_s_[0] / 2;
    // Who goes no way turns alone; who walks begins the last turn as the walk's end is near.
    last_turn_s_ = std::max(turn_s_[0], walk_begin_s_ + walk_s_ - turn_s_[1] / 2);
    if (distance <= kFaceFrom_m) last_turn_s_ = 0;
    duration_s_ = std::max(walk_begin_s_ + walk_s_, last_turn_s_ + turn_s_[1]);
  }

  double duration_s() const { return duration_s_; }

  Eigen::Vector3d At(double t) const {
    Eigen::Vector3d place = from_;
    if (walk_s_ > 0) place.head<2>() += Share(t - walk_begin_s_, walk_s_, kRamp_s) * way_;
    if (turn_s_[0] > 0) place.z() += Share(t, turn_s_[0], kRamp_s) * turn_[0];
    if (turn_s_[1] > 0) place.z() += Share(t - last_turn_s_, turn_s_[1], kRamp_s) * turn_[1];
    return place;
  }

 private:
  Eigen::Vector3d from_;
  Eigen::Vector2d way_;
  double turn_[2] = {0, 0};
  double turn_s_[2];
  double walk_s_, walk_begin_s_, last_turn_s_, duration_s_;
};

struct Foot {
  Eigen::Vector3d ankle;
  Eigen::Quaterniond rotation;  // In the world.
};

Foot FootOf(const HumanFrame& frame, int side) {
  const JointPlace ankle = PlaceOf(frame, kAnkle[side]);
  return {ankle.position, ankle.parent_rotation * frame.rotation[kAnkle[side]]};
}

Foot FootUnder(const Eigen::Vector3d& place, int side) {
  const Eigen::Quaterniond heading = RotationZ(place.z());
  const double aside = side == 0 ? kAnkleAside_m : -kAnkleAside_m;
  Foot foot = {heading * Eigen::Vector3d(0, aside, 0), heading};
  foot.ankle += Eigen::Vector3d(place.x(), place.y(), kAnkle_m);
  return foot;
}

// Both feet put down in turn, one in each step's time.
class Steps {
 public:
  Steps(const Path& path, const HumanFrame& from, const HumanFrame& to, double step_s) {
    count_ = std::max(2, static_cast<int>(std::round(path.duration_s() / step_s)));
    step_s_ = path.duration_s() / count_;
    // The foot of the side that it goes or turns to goes first.
    const Eigen::Vector3d begin = path.At(0);
    const Eigen::Vector3d end = path.At(path.duration_s());
    const Eigen::Vector3d way =
        RotationZ(-begin.z()) * Eigen::Vector3d(end.x() - begin.x(), end.y() - begin.y(), 0);
    first_side_ = way.y() + 0.2 * (end.z() - begin.z()) >= 0 ? 0 : 1;
    for (int side = 0; side < 2; ++side) downs_[side].push_back(FootOf(from, side));
    for (int step = 0; step < count_; ++step) {
      const int side = SideOf(step);
      // It stands until the step after the next begins; the pelvis is above it half-way.
      downs_[side].push_back(step + 2 >= count_ ? FootOf(to, side)
                                                : FootUnder(path.At((step + 1.5) * step_s_), side));
    }
  }

  // `lift` is of kLift_m.
  Foot At(double t, int side, double* lift) const {
    const int step = std::clamp(static_cast<int>(t / step_s_), 0, count_ - 1);
    // Steps of this side that are over.
    const int before = (step + (side == first_side_ ? 1 : 0)) / 2;
    *lift = 0;
    const std::vector<Foot>& downs = downs_[side];
    if (SideOf(step) != side) return downs[before];
    const double x =
        std::clamp((t / step_s_ - step - kSwingBegin) / (1 - 2 * kSwingBegin), 0.0, 1.0);
    const double share = Share(x, 1, 0.35);
    const double bow = 4 * x * (1 - x);
    *lift = bow * bow * bow;
    const Foot& from = downs[before];
    const Foot& to = downs[before + 1];
    Foot foot = {from.ankle + share * (to.ankle - from.ankle),
                 from.rotation.slerp(share, to.rotation)};
    foot.ankle.z() += *lift * kLift_m;
    return foot;
  }

 private:
  int SideOf(int step) const { return (step + first_side_) % 2; }

  int count_, first_side_;
  double step_s_;
  std::vector<Foot> downs_[2];  // Where each is put down, the first where it stands.
};

void SetArms(double swing_left, double swing_right, HumanFrame* frame) {
  const double swing[] = {swing_left, swing_right};
  for (int side = 0; side < 2; ++side) {
    frame->rotation[kShoulder[side]] = FromRotationVector({0, 0.1 - swing[side], 0});
    frame->rotation[kElbow[side]] =
        FromRotationVector({0, -0.35 - 0.5 * std::max(0.0, swing[side] + 0.2), 0});
  }
}

HumanFrame Blend(const HumanFrame& one, const HumanFrame& other, double share) {
  HumanFrame frame;
  frame.pelvis = one.pelvis + share * (other.pelvis - one.pelvis);
  for (int joint = 0; joint < kHumanJoints; ++joint) {
    frame.rotation[joint] = one.rotation[joint].slerp(share, other.rotation[joint]);
  }
  return frame;
}

void PutFeet(const Foot foot[2], const Eigen::Quaterniond& heading, HumanFrame* frame) {
  for (int side = 0; side < 2; ++side) {
    PutFoot(side, foot[side].ankle, heading * Eigen::Vector3d::UnitX(), foot[side].rotation, frame);
  }
}

// What the legs' rotations are beside those that PutFeet gives them, since other ways lead to the
// same feet.
constexpr int kLegs[] = {1, 2, 4, 5, 7, 8};
using LegRotations = std::array<Eigen::Quaterniond, std::size(kLegs)>;

LegRotations LegsBesideFeet(const HumanFrame& frame) {
  const Foot foot[] = {FootOf(frame, 0), FootOf(frame, 1)};
  HumanFrame put = frame;
  PutFeet(foot, RotationZ(Heading(frame.rotation[0])), &put);
  LegRotations beside;
  for (size_t k = 0; k < std::size(kLegs); ++k) {
    beside[k] = put.rotation[kLegs[k]].conjugate() * frame.rotation[kLegs[k]];
  }
  return beside;
}

std::vector<HumanFrame> PlanOnTheSpot(const HumanFrame& from, const HumanFrame& to) {
  const auto begin = JointPositions(from);
  const auto end = JointPositions(to);
  double farthest = 0;
  for (int joint = 0; joint < kHumanJoints; ++joint) {
    farthest = std::max(farthest, (end[joint] - begin[joint]).norm());
  }
  // A minimum-jerk motion's highest speed is 1.875 of the mean one.
  const double duration_s = std::max(kSlowest_s, 1.875 * farthest / kOnTheSpot_m_s);
  const int count = static_cast<int>(duration_s / kFrame_s) + 1;
  std::vector<HumanFrame> frames(kStill, from);
  for (int i = 1; i < count; ++i) {
    frames.push_back(Blend(from, to, MinimumJerk(static_cast<double>(i) / count)));
  }
  frames.insert(frames.end(), kStill, to);
  return frames;
}

}  // namespace

HumanFrame StandingFrame(double x, double y, double heading_rad) {
  HumanFrame frame;
  frame.pelvis = {x, y, kPelvis_m};
  frame.rotation.fill(Eigen::Quaterniond::Identity());
  frame.rotation[0] = RotationZ(heading_rad);
  SetArms(0, 0, &frame);
  const Eigen::Vector3d ahead = frame.rotation[0] * Eigen::Vector3d::UnitX();
  for (int side = 0; side < 2; ++side) {
    const Foot foot = FootUnder({x, y, heading_rad}, side);
    PutFoot(side, foot.ankle, ahead, foot.rotation, &frame);
  }
  return frame;
}

std::vector<HumanFrame> PlanWay(const HumanFrame& from, const HumanFrame& to, const Pace& pace) {
  const Stance begin = StanceOf(from);
  Stance end = StanceOf(to);
  end.place.z() = AngleNear(end.place.z(), begin.place.z());
  double feet_m = 0;
  for (int side = 0; side < 2; ++side) {
    feet_m = std::max(feet_m, (FootOf(to, side).ankle - FootOf(from, side).ankle).norm());
  }
  if (feet_m < kStepFrom_m && std::abs(end.place.z() - begin.place.z()) < kStepFrom_rad) {
    return PlanOnTheSpot(from, to);
  }

  const Path path(begin.place, end.place, pace);
  const Steps steps(path, from, to, pace.step_s);
  const double duration_s = std::max(path.duration_s(), kBlend_s);
  const int count = static_cast<int>(duration_s / kFrame_s) + 1;
  const double blend_s = std::min(kBlend_s, duration_s / 2);
  const LegRotations first_legs = LegsBesideFeet(from);
  const LegRotations last_legs = LegsBesideFeet(to);
  std::vector<HumanFrame> frames(kStill, from);
  for (int i = 1; i < count; ++i) {
    const double t = duration_s * i / count;
    const Eigen::Vector3d place = path.At(t * path.duration_s() / duration_s);
    Foot foot[2];
    double lift[2];
    for (int side = 0; side < 2; ++side) {
      foot[side] = steps.At(t * path.duration_s() / duration_s, side, &lift[side]);
    }
    const double is_begin = 1 - MinimumJerk(t / blend_s);
    const double is_end = 1 - MinimumJerk((duration_s - t) / blend_s);
    const double is_walk = 1 - is_begin - is_end;

    const Eigen::Quaterniond heading = RotationZ(place.z());
    const Eigen::Vector3d sway = heading * Eigen::Vector3d(0, kSway_m * (lift[1] - lift[0]), 0);
    HumanFrame walk;
    walk.rotation.fill(Eigen::Quaterniond::Identity());
    walk.pelvis =
        Eigen::Vector3d(place.x(), place.y(),
                        is_begin * from.pelvis.z() + is_end * to.pelvis.z() + is_walk * kPelvis_m) +
        is_walk * sway;
    double ahead[2];  // Of the pelvis, each foot.
    for (int side = 0; side < 2; ++side) {
      ahead[side] = (heading.conjugate() * (foot[side].ankle - walk.pelvis)).x();
    }
    SetArms(pace.arm_swing * ahead[1], pace.arm_swing * ahead[0], &walk);
    walk.rotation[kSpine[2]] = RotationZ(0.3 * (ahead[0] - ahead[1]));
    HumanFrame frame = Blend(Blend(walk, from, is_begin), to, is_end);
    frame.pelvis = walk.pelvis;
    const Eigen::Quaterniond upright = Eigen::Quaterniond::Identity();
    frame.rotation[0] = heading * upright.slerp(is_begin, begin.tilt).slerp(is_end, end.tilt);
    PutFeet(foot, heading, &frame);
    for (size_t k = 0; k < std::size(kLegs); ++k) {
      Eigen::Quaterniond& rotation = frame.rotation[kLegs[k]];
      rotation =
          rotation * upright.slerp(is_begin, first_legs[k]) * upright.slerp(is_end, last_legs[k]);
    }
    frames.push_back(frame);
  }
  frames.insert(frames.end(), kStill, to);
  return frames;
}

std::shared_ptr<const HumanMotion> WithinBounds(std::string name,
                                                const std::vector<HumanFrame>& frames) {
  std::shared_ptr<const HumanMotion> motion =
      HumanMotion::FromValidFrames(std::move(name), frames, kFrame_s);
  const HumanPeak& peak = motion->peak();
  const double factor = std::max(peak.speed_share, std::sqrt(peak.acceleration_share));
  return factor <= kBoundsShare ? motion : motion->Slowed(factor / kBoundsShare);
}

}  // namespace armature
