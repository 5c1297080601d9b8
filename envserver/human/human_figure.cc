#include "envserver/human/human_figure.h"

#include <array>

namespace armature {
namespace {

struct Joint {
  const char* name;
  int parent;
  double x, y, z;  // m, of one who stands.
  double acceleration_max_m_s2;
};

constexpr Joint kJoints[kHumanJoints] = {
    {"pelvis", -1, 0, 0, 0.95, 20},
    {"left_hip", 0, 0, 0.09, 0.88, 20},
    {"right_hip", 0, 0, -0.09, 0.88, 20},
    {"spine1", 0, 0, 0, 1.05, 25},
    {"left_knee", 1, 0, 0.1, 0.48, 30},
    {"right_knee", 2, 0, -0.1, 0.48, 30},
    {"spine2", 3, 0, 0, 1.18, 25},
    {"left_ankle", 4, 0, 0.1, 0.08, 30},
    {"right_ankle", 5, 0, -0.1, 0.08, 30},
    {"spine3", 6, 0, 0, 1.28, 25},
    {"left_foot", 7, 0.12, 0.1, 0.03, 30},
    {"right_foot", 8, 0.12, -0.1, 0.03, 30},
    {"neck", 9, 0, 0, 1.48, 25},
    {"left_collar", 9, 0, 0.08, 1.42, 20},
    {"right_collar", 9, 0, -0.08, 1.42, 20},
    {"head", 12, 0, 0, 1.62, 25},
    {"left_shoulder", 13, 0, 0.18, 1.42, 50},
    {"right_shoulder", 14, 0, -0.18, 1.42, 50},
    {"left_elbow", 16, 0, 0.2, 1.14, 50},
    {"right_elbow", 17, 0, -0.2, 1.14, 50},
    {"left_wrist", 18, 0, 0.22, 0.88, 50},
    {"right_wrist", 19, 0, -0.22, 0.88, 50},
    {"left_hand", 20, 0, 0.23, 0.8, 50},
    {"right_hand", 21, 0, -0.23, 0.8, 50},
};
constexpr double kTorsoRadius_m = 0.217;
constexpr double kLegRadius_m = 0.1;
constexpr double kUpperArmRadius_m = 0.1;
constexpr double kForearmRadius_m = 0.066;
constexpr double kHandRadius_m = 0.103;

double Radius(int child) {
  if (child >= 22) return kHandRadius_m;
  if (child >= 20) return kForearmRadius_m;
  if (child >= 18) return kUpperArmRadius_m;
  const bool is_leg =
      child == 4 || child == 5 || child == 7 || child == 8 || child == 10 || child == 11;
  return is_leg ? kLegRadius_m : kTorsoRadius_m;
}

std::array<Eigen::Vector3d, kHumanJoints> Offsets() {
  std::array<Eigen::Vector3d, kHumanJoints> offset;
  for (int i = 0; i < kHumanJoints; ++i) {
    const Joint& joint = kJoints[i];
    offset[i] = {joint.x, joint.y, joint.z};
    if (joint.parent < 0) continue;
    const Joint& parent = kJoints[joint.parent];
    offset[i] -= Eigen::Vector3d(parent.x, parent.y, parent.z);
  }
  return offset;
}

}  // namespace

int HumanParent(int joint) { return kJoints[joint].parent; }

absl::string_view HumanJointName(int joint) { return kJoints[joint].name; }

const Eigen::Vector3d& HumanOffset(int joint) {
  static const auto& offsets = *new std::array<Eigen::Vector3d, kHumanJoints>(Offsets());
  return offsets[joint];
}

double HumanAccelerationMax_m_s2(int joint) { return kJoints[joint].acceleration_max_m_s2; }

HumanModel HumanFigure() {
  HumanModel human;
  human.speed_max_m_s = kHumanSpeedMax_m_s;
  human.extremities = {{kShoulder[0], kArmLength_m}, {kShoulder[1], kArmLength_m}};
  int child = 0;
  for (const Joint& joint : kJoints) {
    human.joints.push_back({joint.acceleration_max_m_s2});
    if (joint.parent >= 0) {
      const int extremity = child >= 18 ? child % 2 : -1;
      human.capsules.push_back({joint.parent, child, Radius(child), extremity});
    }
    ++child;
  }
  return human;
}

std::vector<Eigen::Vector3d> StandingAt(const Eigen::Vector3d& feet) {
  std::vector<Eigen::Vector3d> position;
  for (const Joint& joint : kJoints) {
    position.push_back(feet + Eigen::Vector3d(joint.x, joint.y, joint.z));
  }
  return position;
}

HumanModel TrackedHumanFigure() {
  HumanModel human = HumanFigure();
  human.position_error_m = 0.02;
  human.velocity_error_m_s = 0.1;
  human.delay_s = 0.016;
  return human;
}

}  // namespace armature
