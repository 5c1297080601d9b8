#include "envserver/human/limb.h"

#include <algorithm>
#include <cmath>

#include "envserver/human/human_figure.h"

namespace armature {
namespace {

constexpr double kStraightest = 0.998;  // Of a limb's length.
constexpr double kShortest_m = 0.1;

struct Bones {
  Eigen::Vector3d upper, lower;  // At rest.
  Eigen::Vector3d hinge;         // At rest: what bends the limb as a human does.
};

// Axes along a bone and a hinge.
Eigen::Matrix3d Axes(const Eigen::Vector3d& bone, const Eigen::Vector3d& hinge) {
  Eigen::Matrix3d axes;
  axes.col(0) = bone.normalized();
  axes.col(1) = (hinge - hinge.dot(axes.col(0)) * axes.col(0)).normalized();
  axes.col(2) = axes.col(0).cross(axes.col(1));
  return axes;
}

// Turns the joints `upper` and `lower`, from where `root` is.
void Bend(const JointPlace& root, const Bones& rest, int upper, int lower,
          const Eigen::Vector3d& target, const Eigen::Vector3d& pole, HumanFrame* frame) {
  const double a = rest.upper.norm();
  const double b = rest.lower.norm();
  const Eigen::Vector3d way = target - root.position;
  const double distance =
      std::clamp(way.norm(), std::max(kShortest_m, std::abs(a - b)), kStraightest * (a + b));
  const Eigen::Vector3d along = way.normalized();
  const Eigen::Vector3d aside = (pole - pole.dot(along) * along).normalized();
  const double share = (a * a - b * b + distance * distance) / (2 * distance);
  const Eigen::Vector3d middle =
      share * along + std::sqrt(std::max(0.0, a * a - share * share)) * aside;
  const Eigen::Vector3d hinge = aside.cross(along);
  const Eigen::Quaterniond first(Axes(middle, hinge) * Axes(rest.upper, rest.hinge).transpose());
  const Eigen::Quaterniond second(Axes(distance * along - middle, hinge) *
                                  Axes(rest.lower, rest.hinge).transpose());
  frame->rotation[upper] = root.parent_rotation.conjugate() * first;
  frame->rotation[lower] = first.conjugate() * second;
}

}  // namespace

JointPlace PlaceOf(const HumanFrame& frame, int joint) {
  const int parent = HumanParent(joint);
  if (parent < 0) return {frame.pelvis, Eigen::Quaterniond::Identity()};
  const JointPlace above = PlaceOf(frame, parent);
  const Eigen::Quaterniond rotation = above.parent_rotation * frame.rotation[parent];
  return {above.position + rotation * HumanOffset(joint), rotation};
}

void PutFoot(int side, const Eigen::Vector3d& target, const Eigen::Vector3d& knee,
             const Eigen::Quaterniond& foot, HumanFrame* frame) {
  const Bones bones = {HumanOffset(kKnee[side]), HumanOffset(kAnkle[side]), {0, 1, 0}};
  const JointPlace hip = PlaceOf(*frame, kHip[side]);
  Bend(hip, bones, kHip[side], kKnee[side], target, knee, frame);
  const Eigen::Quaterniond shin =
      hip.parent_rotation * frame->rotation[kHip[side]] * frame->rotation[kKnee[side]];
  frame->rotation[kAnkle[side]] = shin.conjugate() * foot;
}

void PutHand(int side, const Eigen::Vector3d& target, const Eigen::Vector3d& elbow,
             HumanFrame* frame) {
  const Eigen::Vector3d forearm =
      HumanOffset(kWrist[side]) + frame->rotation[kWrist[side]] * HumanOffset(kHand[side]);
  const Bones bones = {HumanOffset(kElbow[side]), forearm, {0, -1, 0}};
  Bend(PlaceOf(*frame, kShoulder[side]), bones, kShoulder[side], kElbow[side], target, elbow,
       frame);
}

double HandReach_m() {
  return HumanOffset(kElbow[0]).norm() + (HumanOffset(kWrist[0]) + HumanOffset(kHand[0])).norm();
}

}  // namespace armature
