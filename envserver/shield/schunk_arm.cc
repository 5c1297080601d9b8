#include "envserver/shield/schunk_arm.h"

#include <utility>
#include <vector>

namespace armature {
namespace {

constexpr double kPi = 3.14159265358979323846;

// `rpy`: about the fixed axes x, y and z, in this order, as in URDF.
ArmJoint Joint(const Eigen::Vector3d& xyz, const Eigen::Vector3d& rpy, double limit_rad) {
  ArmJoint joint;
  joint.origin.translation() = xyz;
  joint.origin.linear() = (Eigen::AngleAxisd(rpy.z(), Eigen::Vector3d::UnitZ()) *
                           Eigen::AngleAxisd(rpy.y(), Eigen::Vector3d::UnitY()) *
                           Eigen::AngleAxisd(rpy.x(), Eigen::Vector3d::UnitX()))
                              .toRotationMatrix();
  joint.position_min_rad = -limit_rad;
  joint.position_max_rad = limit_rad;
  return joint;
}

}  // namespace

ArmModel SchunkArm() {
  std::vector<ArmJoint> joints = {
      Joint({0, 0, 0.11}, {0, 0, 0}, 6.283),
      Joint({0, 0, 0}, {kPi / 2, 0, 0}, 2.094),
      Joint({0, 0.350, 0}, {0, kPi, 0}, 6.283),
      Joint({0, 0, 0}, {-kPi / 2, kPi, 0}, 2.094),
      Joint({0, 0.005263, 0.305}, {kPi / 2, 0, kPi}, 6.283),
      Joint({0, 0, 0}, {-kPi / 2, 0, 0}, 2.094),
  };
  std::vector<LinkCapsule> capsules = {
      {0, {{0, 0, -0.04}, {0, 0, 0}, 0.08}},          {1, {{0, 0, 0}, {0, 0.350, 0}, 0.07}},
      {2, {{0, 0, -0.02}, {0, 0, 0.02}, 0.07}},       {3, {{0, 0, 0}, {0, 0.005263, 0.305}, 0.065}},
      {4, {{0, 0, -0.02}, {0, 0, 0.02}, 0.06}},       {5, {{0, 0, 0}, {0, 0, 0.12}, 0.05}},
      {5, {{0, -0.06, 0.15}, {0, 0.06, 0.15}, 0.03}},
  };
  return *ArmModel::Create(std::move(joints), std::move(capsules));
}

}  // namespace armature
