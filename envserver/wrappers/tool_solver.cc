#include "envserver/wrappers/tool_solver.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "absl/strings/str_cat.h"
#include "envserver/bullet/body.h"
#include "envserver/wrappers/env_wrapper.h"

namespace armature {
namespace {

// Iterations go on below any error that a user cares for: a small change of the target must not
// count as reached already.
constexpr double kEnough = 1e-7;
// A little, so that near a singularity an iteration does not run away.
constexpr double kDamping = 1e-3;

// ArmActions is const where it only tells; its body is then only read.
const Body& BodyOf(const ArmActions& arm) { return const_cast<ArmActions&>(arm).body(); }

InverseKinematics OneIteration(const ArmActions& arm) {
  InverseKinematicsOptions options;
  options.iterations_max = 1;
  options.damping = kDamping;
  return InverseKinematics(std::make_shared<const BodyModel>(BodyOf(arm).model()), arm.tool_link(),
                           options);
}

}  // namespace

ArmActions& NeedArm(Env& env) {
  ArmActions* arm = env.arm();
  if (arm != nullptr && arm->tool_link() >= 0 && !arm->dofs().empty()) return *arm;
  throw WrapperError(absl::StrCat(env.spec().id,
                                  " does not say which arm its actions move, or a wrapper around "
                                  "it has changed what they mean"));
}

ArmComponents::ArmComponents(const ArmActions& arm, const ActionSpec& action) {
  // What SetJointGoal writes is the same whatever was there before.
  std::vector<double> goal;
  for (int dof : arm.dofs()) goal.push_back(BodyOf(arm).joint_position(dof));
  std::vector<float> low(action.low.begin(), action.low.end());
  std::vector<float> high(action.high.begin(), action.high.end());
  arm.SetJointGoal(goal, absl::MakeSpan(low));
  arm.SetJointGoal(goal, absl::MakeSpan(high));
  for (int i = 0; i < static_cast<int>(low.size()); ++i) {
    (low[i] == high[i] ? this->arm : rest).push_back(i);
  }
}

ToolSolver::ToolSolver(const ArmActions* arm, int iterations_max)
    : arm_(*arm),
      iterations_max_(iterations_max),
      kinematics_(OneIteration(*arm)),
      all_(BodyOf(*arm).num_dofs()) {
  const Body& body = BodyOf(arm_);
  for (int link = arm_.tool_link(); link >= 0; link = body.link_model(link).parent) {
    if (body.link_model(link).joint_type == JointType::kFixed) continue;
    const absl::Span<const int> dofs = arm_.dofs();
    const bool is_moved =
        std::any_of(dofs.begin(), dofs.end(), [&](int dof) { return body.dof_link(dof) == link; });
    if (is_moved) continue;
    throw WrapperError(absl::StrCat("joint '", body.link_model(link).joint_name,
                                    "' moves the tool, but actions do not move it"));
  }
}

void ToolSolver::Joints(absl::Span<double> joints) const {
  for (size_t i = 0; i < joints.size(); ++i) {
    joints[i] = BodyOf(arm_).joint_position(arm_.dofs()[i]);
  }
}

btTransform ToolSolver::Pose() const {
  for (size_t dof = 0; dof < all_.size(); ++dof) {
    all_[dof] = BodyOf(arm_).joint_position(static_cast<int>(dof));
  }
  return BodyOf(arm_).LinkPose(kBase) * kinematics_.ForwardKinematics(all_);
}

btTransform ToolSolver::Pose(absl::Span<const double> joints) const {
  for (size_t i = 0; i < joints.size(); ++i) all_[arm_.dofs()[i]] = joints[i];
  return BodyOf(arm_).LinkPose(kBase) * kinematics_.ForwardKinematics(all_);
}

double ToolSolver::Solve(const btVector3& position, const absl::optional<btQuaternion>& rotation,
                         absl::Span<double> joints) const {
  const Body& body = BodyOf(arm_);
  const btTransform to_base = body.LinkPose(kBase).inverse();
  btTransform target =
      to_base * btTransform(rotation.value_or(btQuaternion::getIdentity()), position);
  for (size_t dof = 0; dof < all_.size(); ++dof) {
    all_[dof] = body.joint_position(static_cast<int>(dof));
  }
  const auto error = [&](const btTransform& pose) {
    const double distance = (pose.getOrigin() - target.getOrigin()).length();
    if (!rotation.has_value()) return distance;
    const btMatrix3x3 turn = target.getBasis() * pose.getBasis().transpose();
    // Well-conditioned for small angles, unlike the arc cosine.
    const btVector3 twice_sine(turn[2][1] - turn[1][2], turn[0][2] - turn[2][0],
                               turn[1][0] - turn[0][1]);
    const double cosine = (turn[0][0] + turn[1][1] + turn[2][2] - 1) / 2;
    return std::max<double>(distance, std::atan2(twice_sine.length() / 2, cosine));
  };
  btTransform pose = kinematics_.ForwardKinematics(all_);
  for (int i = 0; i < iterations_max_ && error(pose) > kEnough; ++i) {
    if (!rotation.has_value()) target.setBasis(pose.getBasis());
    kinematics_.Solve(target, absl::MakeSpan(all_));
    pose = kinematics_.ForwardKinematics(all_);
  }
  for (size_t i = 0; i < joints.size(); ++i) {
    const int dof = arm_.dofs()[i];
    const LinkModel& link = body.link_model(body.dof_link(dof));
    if (link.has_limits) {
      all_[dof] = std::clamp(all_[dof], link.position_low, link.position_high);
    }
    joints[i] = all_[dof];
  }
  return error(kinematics_.ForwardKinematics(all_));
}

}  // namespace armature
