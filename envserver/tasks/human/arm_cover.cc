#include "envserver/tasks/human/arm_cover.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "BulletCollision/CollisionShapes/btBoxShape.h"
#include "BulletCollision/CollisionShapes/btCapsuleShape.h"
#include "BulletCollision/CollisionShapes/btCompoundShape.h"
#include "BulletCollision/CollisionShapes/btConvexHullShape.h"
#include "BulletCollision/CollisionShapes/btCylinderShape.h"
#include "BulletCollision/CollisionShapes/btSphereShape.h"
#include "Eigen/Eigenvalues"
#include "absl/strings/str_cat.h"

namespace armature {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kTolerance_m = 1e-9;
constexpr double kUnlimited_rad = 2 * kPi;

struct Ball {
  Eigen::Vector3d centre;
  double radius;
};
// A convex shape is in the convex hull of its balls.
using Balls = std::vector<Ball>;

struct Part {
  int link;
  int joint;    // Of the arm, that moves it.
  Balls balls;  // In the joint's frame.
};

// Where a link may be in the frame of the joint that moves it; kBase: of none.
struct Placed {
  int joint;
  std::vector<Eigen::Isometry3d> poses;
};

Eigen::Isometry3d Shift(const Eigen::Vector3d& by) {
  Eigen::Isometry3d pose = Eigen::Isometry3d::Identity();
  pose.translation() = by;
  return pose;
}

int IndexOf(absl::Span<const int> links, int link) {
  const auto found = std::find(links.begin(), links.end(), link);
  return found == links.end() ? kBase : static_cast<int>(found - links.begin());
}

// `place(link)` for each link in turn, parents first.
absl::StatusOr<std::vector<Placed>> PlaceLinks(const BodyModel& model,
                                               absl::Span<const int> links) {
  std::vector<Placed> placed(model.links.size());
  const Placed base = {kBase, {Eigen::Isometry3d::Identity()}};
  for (size_t i = 0; i < model.links.size(); ++i) {
    const LinkModel& link = model.links[i];
    const int joint = IndexOf(links, static_cast<int>(i));
    if (joint >= 0) {
      placed[i] = {joint, {Eigen::Isometry3d::Identity()}};
      continue;
    }
    const Placed& parent = link.parent < 0 ? base : placed[link.parent];
    std::vector<double> positions = {0};
    if (link.joint_type != JointType::kFixed) {
      if (link.joint_type != JointType::kPrismatic || !link.has_limits) {
        if (parent.joint < 0) continue;  // Not the arm's.
        return absl::InvalidArgumentError(absl::StrCat(
            "the joint '", link.joint_name, "' beside the arm's is not one that slides in limits"));
      }
      positions = {link.position_low, link.position_high};
    }
    placed[i].joint = parent.joint;
    for (const Eigen::Isometry3d& pose : parent.poses) {
      for (const double position : positions) {
        placed[i].poses.push_back(pose * ToEigen(link.parent_to_joint) *
                                  Shift(position * ToEigen(link.axis)));
      }
    }
  }
  return placed;
}

void AddCorners(const btVector3& half, const Eigen::Isometry3d& pose, Balls* balls) {
  for (int corner = 0; corner < 8; ++corner) {
    const Eigen::Vector3d at((corner & 1) != 0 ? half.x() : -half.x(),
                             (corner & 2) != 0 ? half.y() : -half.y(),
                             (corner & 4) != 0 ? half.z() : -half.z());
    balls->push_back({pose * at, 0});
  }
}

// Appends the balls of each convex shape, at `pose`.
absl::Status AddShape(const btCollisionShape& shape, const Eigen::Isometry3d& pose,
                      std::vector<Balls>* out) {
  if (shape.isCompound()) {
    const auto& compound = static_cast<const btCompoundShape&>(shape);
    for (int i = 0; i < compound.getNumChildShapes(); ++i) {
      absl::Status status =
          AddShape(*compound.getChildShape(i), pose * ToEigen(compound.getChildTransform(i)), out);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }
  Balls balls;
  switch (shape.getShapeType()) {
    case SPHERE_SHAPE_PROXYTYPE:
      balls.push_back({pose.translation(), static_cast<const btSphereShape&>(shape).getRadius()});
      break;
    case CAPSULE_SHAPE_PROXYTYPE: {
      const auto& capsule = static_cast<const btCapsuleShape&>(shape);
      Eigen::Vector3d half = Eigen::Vector3d::Zero();
      half[capsule.getUpAxis()] = capsule.getHalfHeight();
      balls = {{pose * half, capsule.getRadius()},
               {pose * Eigen::Vector3d(-half), capsule.getRadius()}};
      break;
    }
    case BOX_SHAPE_PROXYTYPE:
      AddCorners(static_cast<const btBoxShape&>(shape).getHalfExtentsWithMargin(), pose, &balls);
      break;
    case CYLINDER_SHAPE_PROXYTYPE:
      AddCorners(static_cast<const btCylinderShape&>(shape).getHalfExtentsWithMargin(), pose,
                 &balls);
      break;
    case CONVEX_HULL_SHAPE_PROXYTYPE: {
      const auto& hull = static_cast<const btConvexHullShape&>(shape);
      for (int i = 0; i < hull.getNumPoints(); ++i) {
        balls.push_back({pose * ToEigen(hull.getScaledPoint(i)), hull.getMargin()});
      }
      break;
    }
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("a shape of kind ", shape.getName(), " cannot be put into a capsule"));
  }
  out->push_back(std::move(balls));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Part>> MovingParts(const BodyModel& model, absl::Span<const int> links) {
  auto placed = PlaceLinks(model, links);
  if (!placed.ok()) return placed.status();
  std::vector<Part> parts;
  for (size_t i = 0; i < model.links.size(); ++i) {
    const LinkModel& link = model.links[i];
    const Placed& place = (*placed)[i];
    if (link.shape == nullptr || place.joint < 0) continue;
    std::vector<Balls> all;  // Of each convex shape, at all of the link's places.
    for (const Eigen::Isometry3d& pose : place.poses) {
      std::vector<Balls> shapes;
      absl::Status status = AddShape(*link.shape, pose * ToEigen(link.inertial_frame), &shapes);
      if (!status.ok()) return status;
      all.resize(shapes.size());
      for (size_t k = 0; k < shapes.size(); ++k) {
        all[k].insert(all[k].end(), shapes[k].begin(), shapes[k].end());
      }
    }
    for (Balls& balls : all) {
      parts.push_back({static_cast<int>(i), place.joint, std::move(balls)});
    }
  }
  return parts;
}

// The centre of a circle about the discs, nearly the smallest: Badoiu and Clarkson, "Smaller
// Core-Sets for Balls", 2003.
Eigen::Vector2d CircleCentre(const std::vector<Eigen::Vector2d>& points,
                             const std::vector<double>& radius) {
  Eigen::Vector2d centre = points[0];
  for (int i = 1; i < 500; ++i) {
    size_t farthest = 0;
    double most = -1;
    for (size_t k = 0; k < points.size(); ++k) {
      const double distance = (points[k] - centre).norm() + radius[k];
      if (distance > most) {
        most = distance;
        farthest = k;
      }
    }
    centre += (points[farthest] - centre) / (i + 1);
  }
  return centre;
}

Capsule AlongDirection(const Balls& balls, const Eigen::Vector3d& direction) {
  const Eigen::Vector3d u = direction.unitOrthogonal();
  const Eigen::Vector3d v = direction.cross(u);
  std::vector<Eigen::Vector2d> across;
  std::vector<double> radius;
  for (const Ball& ball : balls) {
    across.emplace_back(u.dot(ball.centre), v.dot(ball.centre));
    radius.push_back(ball.radius);
  }
  const Eigen::Vector2d centre = CircleCentre(across, radius);
  Capsule capsule;
  for (size_t i = 0; i < balls.size(); ++i) {
    capsule.radius = std::max(capsule.radius, (across[i] - centre).norm() + radius[i]);
  }
  // The axis may end where its half sphere still holds the last ball.
  double begin = std::numeric_limits<double>::infinity();
  double end = -begin;
  for (size_t i = 0; i < balls.size(); ++i) {
    const double room = capsule.radius - radius[i];
    const double off = (across[i] - centre).norm();
    const double slack = std::sqrt(std::max(0.0, room * room - off * off));
    const double along = direction.dot(balls[i].centre);
    begin = std::min(begin, along + slack);
    end = std::max(end, along - slack);
  }
  if (begin > end) begin = end = (begin + end) / 2;
  const Eigen::Vector3d foot = centre.x() * u + centre.y() * v;
  capsule.a = foot + begin * direction;
  capsule.b = foot + end * direction;
  capsule.radius += kTolerance_m;
  return capsule;
}

double Volume(const Capsule& capsule) {
  const double r = capsule.radius;
  return kPi * r * r * ((capsule.b - capsule.a).norm() + 4 * r / 3);
}

Capsule Around(const Balls& balls) {
  Eigen::Vector3d mean = Eigen::Vector3d::Zero();
  for (const Ball& ball : balls) mean += ball.centre / static_cast<double>(balls.size());
  Eigen::Matrix3d spread = Eigen::Matrix3d::Zero();
  for (const Ball& ball : balls) {
    spread += (ball.centre - mean) * (ball.centre - mean).transpose();
  }
  const Eigen::Matrix3d axes =
      Eigen::SelfAdjointEigenSolver<Eigen::Matrix3d>(spread).eigenvectors();
  Capsule best = AlongDirection(balls, Eigen::Vector3d::UnitX());
  for (int i = 0; i < 5; ++i) {
    const Eigen::Vector3d direction =
        i < 3 ? Eigen::Vector3d(axes.col(i)) : Eigen::Vector3d(Eigen::Vector3d::Unit(i - 2));
    const Capsule capsule = AlongDirection(balls, direction.normalized());
    if (Volume(capsule) < Volume(best)) best = capsule;
  }
  return best;
}

bool Holds(const Capsule& capsule, const Ball& ball) {
  const Capsule point = {ball.centre, ball.centre, 0};
  return std::sqrt(AxisDistanceSquared(capsule, point)) + ball.radius <=
         capsule.radius + 2 * kTolerance_m;
}

absl::StatusOr<std::vector<ArmJoint>> ChainJoints(const BodyModel& model,
                                                  absl::Span<const int> links) {
  std::vector<ArmJoint> joints;
  for (size_t i = 0; i < links.size(); ++i) {
    const LinkModel& link = model.links[links[i]];
    if (link.joint_type != JointType::kRevolute) {
      return absl::InvalidArgumentError(
          absl::StrCat("the joint '", link.joint_name, "' of the arm is not revolute"));
    }
    ArmJoint joint;
    joint.origin = ToEigen(link.parent_to_joint);
    joint.axis = ToEigen(link.axis);
    const int before = i == 0 ? kBase : links[i - 1];
    int parent = link.parent;
    for (; parent >= 0 && parent != before; parent = model.links[parent].parent) {
      if (model.links[parent].joint_type != JointType::kFixed) break;
      joint.origin = ToEigen(model.links[parent].parent_to_joint) * joint.origin;
    }
    if (parent != before) {
      return absl::InvalidArgumentError(
          absl::StrCat("the link '", link.name, "' does not follow the arm's joint before it"));
    }
    joint.position_min_rad = link.has_limits ? link.position_low : -kUnlimited_rad;
    joint.position_max_rad = link.has_limits ? link.position_high : kUnlimited_rad;
    joints.push_back(joint);
  }
  return joints;
}

}  // namespace

Eigen::Vector3d ToEigen(const btVector3& v) { return {v.x(), v.y(), v.z()}; }

btVector3 ToBullet(const Eigen::Vector3d& v) { return {v.x(), v.y(), v.z()}; }

Eigen::Isometry3d ToEigen(const btTransform& pose) {
  Eigen::Isometry3d out = Eigen::Isometry3d::Identity();
  for (int row = 0; row < 3; ++row) {
    for (int column = 0; column < 3; ++column) out(row, column) = pose.getBasis()[row][column];
  }
  out.translation() = ToEigen(pose.getOrigin());
  return out;
}

btTransform PoseAlong(const Eigen::Vector3d& a, const Eigen::Vector3d& b) {
  const Eigen::Vector3d along = b - a;
  const btQuaternion turn = along.norm() < 1e-9
                                ? btQuaternion::getIdentity()
                                : shortestArcQuat(btVector3(0, 0, 1), ToBullet(along.normalized()));
  return btTransform(turn, ToBullet((a + b) / 2));
}

absl::StatusOr<ArmModel> CoverArm(const BodyModel& model, absl::Span<const int> links) {
  auto joints = ChainJoints(model, links);
  if (!joints.ok()) return joints.status();
  auto parts = MovingParts(model, links);
  if (!parts.ok()) return parts.status();
  std::vector<LinkCapsule> capsules;
  for (const Part& part : *parts) capsules.push_back({part.joint, Around(part.balls)});
  return ArmModel::Create(*std::move(joints), std::move(capsules));
}

absl::Status CheckCover(const ArmModel& arm, const BodyModel& model, absl::Span<const int> links) {
  auto joints = ChainJoints(model, links);
  if (!joints.ok()) return joints.status();
  auto parts = MovingParts(model, links);
  if (!parts.ok()) return parts.status();
  if (arm.num_joints() != static_cast<int>(links.size())) {
    return absl::InvalidArgumentError(
        absl::StrCat("the arm has ", arm.num_joints(), " joints, its body ", links.size()));
  }
  for (int i = 0; i < arm.num_joints(); ++i) {
    const ArmJoint& joint = arm.joints()[i];
    if (!joint.origin.isApprox((*joints)[i].origin, 1e-9) ||
        !joint.axis.isApprox((*joints)[i].axis, 1e-9)) {
      return absl::InvalidArgumentError(absl::StrCat("joint ", i, " is not where its body's is"));
    }
  }
  for (const Part& part : *parts) {
    const bool is_held = std::any_of(
        arm.capsules().begin(), arm.capsules().end(), [&part](const LinkCapsule& capsule) {
          return capsule.joint == part.joint &&
                 std::all_of(part.balls.begin(), part.balls.end(),
                             [&](const Ball& ball) { return Holds(capsule.shape, ball); });
        });
    if (is_held) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "a shape of the link '", model.links[part.link].name, "' is not in a capsule of the arm"));
  }
  return absl::OkStatus();
}

}  // namespace armature
