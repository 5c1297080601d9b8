#include "envserver/tasks/human/reach_markers.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "envserver/human/human_figure.h"
#include "envserver/tasks/human/arm_cover.h"

namespace armature {
namespace {

constexpr int kLevels = 4;
constexpr Colour kReachColour = {0.9, 0.25, 0.2, 0.04};
constexpr Colour kStopColour = {0.25, 0.55, 0.95, 0.3};
const btVector3 kOutOfSight(0, 0, -50);

SceneShape CapsuleLook(double radius, double length, const Colour& colour) {
  SceneShape shape;
  shape.kind = length > 1e-9 ? SceneShape::Kind::kCapsule : SceneShape::Kind::kSphere;
  shape.size = {radius, length, 0};
  shape.colour = colour;
  return shape;
}

void PlaceAlong(const Eigen::Vector3d& a, const Eigen::Vector3d& b, Marker marker,
                MarkerPoses& out) {
  const btTransform pose = PoseAlong(a, b);
  out.Place(marker, pose.getOrigin(), pose.getRotation());
}

}  // namespace

ReachMarkers::ReachMarkers(TaskBuilder& task, const HumanModel& human, const ArmModel& model,
                           const SafeArm* arm)
    : human_(human), model_(model), arm_(*arm) {
  const double longest_s = arm_.options().stop_time_max_s;
  for (int level = 1; level <= kLevels; ++level) {
    std::vector<Marker> markers;
    for (size_t i = 0; i < human_.capsules.size(); ++i) {
      const HumanCapsule& part = human_.capsules[i];
      const double radius = human_.VelocityRadius(static_cast<int>(i), longest_s * level / kLevels);
      markers.push_back(task.AddMarker(
          absl::StrCat("reach_", level, "_", std::string(HumanJointName(part.joint_b))),
          CapsuleLook(radius, HumanOffset(part.joint_b).norm(), kReachColour)));
    }
    human_markers_.push_back(std::move(markers));
  }
  for (int c = 0; c < model_.num_capsules(); ++c) {
    const Capsule& capsule = model_.capsules()[c].shape;
    stop_markers_.push_back(task.AddMarker(
        absl::StrCat("stop_", c), CapsuleLook(capsule.radius + arm_.options().secure_radius_m,
                                              (capsule.b - capsule.a).norm(), kStopColour)));
  }
}

void ReachMarkers::Place(const HumanPose& pose, const Eigen::Isometry3d& base,
                         MarkerPoses& out) const {
  const double stop_s = arm_.shield().failsafe_left_s();
  const double longest_s = arm_.options().stop_time_max_s;
  const int level =
      std::clamp(static_cast<int>(std::ceil(stop_s / longest_s * kLevels)), 1, kLevels);
  for (int each = 1; each <= kLevels; ++each) {
    for (size_t i = 0; i < human_.capsules.size(); ++i) {
      const Marker marker = human_markers_[each - 1][i];
      if (each != level) {
        out.Place(marker, kOutOfSight);
        continue;
      }
      const HumanCapsule& part = human_.capsules[i];
      PlaceAlong(pose.position[part.joint_a], pose.position[part.joint_b], marker, out);
    }
  }
  JointVector stop;
  arm_.shield().FailsafeEnd(stop);
  std::vector<Capsule> capsules(model_.num_capsules());
  model_.Place(stop, capsules);
  for (size_t c = 0; c < capsules.size(); ++c) {
    PlaceAlong(base * capsules[c].a, base * capsules[c].b, stop_markers_[c], out);
  }
}

}  // namespace armature
