#include "envserver/tasks/human/schunk_body.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "envserver/bullet/primitive.h"
#include "envserver/bullet/urdf_shapes.h"
#include "envserver/shield/schunk_arm.h"
#include "envserver/tasks/human/arm_cover.h"

namespace armature {
namespace {

constexpr double kMass_kg[] = {0.294, 1.683, 2.1, 1.683, 0.807, 0.819};
constexpr double kEffort_N_m[] = {370, 370, 176, 176, 41.6, 20.1};
constexpr double kSpeed_rad_s = 2;
constexpr Colour kLinkColour = {0.85, 0.86, 0.88, 1};
constexpr Colour kJointColour = {0.3, 0.36, 0.44, 1};
constexpr Colour kGripperColour = {0.16, 0.17, 0.2, 1};

constexpr double kFingerMass_kg = 0.05;
constexpr double kFingerEffort_N = 20;
constexpr double kFingerFriction = 1;
constexpr double kToolHeight_m = 0.15;
constexpr double kFingerThickness_m = 0.015;

btTransform FromScene(const ScenePose& pose) {
  return btTransform(btQuaternion(pose[3], pose[4], pose[5], pose[6]),
                     btVector3(pose[0], pose[1], pose[2]));
}

ScenePose ToScene(const btTransform& pose) {
  const btVector3& p = pose.getOrigin();
  const btQuaternion q = pose.getRotation();
  return {p.x(), p.y(), p.z(), q.x(), q.y(), q.z(), q.w()};
}

SceneShape Shape(SceneShape::Kind kind, const std::array<double, 3>& size, const btVector3& at,
                 const Colour& colour) {
  SceneShape shape;
  shape.kind = kind;
  shape.size = size;
  shape.colour = colour;
  shape.pose = ToScene(btTransform(btQuaternion::getIdentity(), at));
  return shape;
}

SceneShape CapsuleShape(const Capsule& capsule, const Colour& colour) {
  SceneShape shape;
  const Eigen::Vector3d along = capsule.b - capsule.a;
  if (along.norm() < 1e-9) {
    return Shape(SceneShape::Kind::kSphere, {capsule.radius, 0, 0}, ToBullet(capsule.a), colour);
  }
  const btQuaternion turn = shortestArcQuat(btVector3(0, 0, 1), ToBullet(along.normalized()));
  shape.kind = SceneShape::Kind::kCapsule;
  shape.size = {capsule.radius, along.norm(), 0};
  shape.colour = colour;
  shape.pose = ToScene(btTransform(turn, ToBullet((capsule.a + capsule.b) / 2)));
  return shape;
}

// Of even density: the shapes' boxes say where the centre and how large the inertia is.
void SetShapes(const std::vector<SceneShape>& shapes, double mass, LinkModel* link) {
  btVector3 low(1e9, 1e9, 1e9);
  btVector3 high = -low;
  std::vector<std::shared_ptr<btCollisionShape>> parts;
  for (const SceneShape& shape : shapes) {
    parts.push_back(MakePrimitive(shape.kind, shape.size));
    btVector3 part_low, part_high;
    parts.back()->getAabb(FromScene(shape.pose), part_low, part_high);
    low.setMin(part_low);
    high.setMax(part_high);
  }
  const btVector3 centre = (low + high) / 2;
  auto compound = std::make_shared<OwningCompound>();
  for (size_t i = 0; i < parts.size(); ++i) {
    btTransform pose = FromScene(shapes[i].pose);
    pose.setOrigin(pose.getOrigin() - centre);
    compound->Add(pose, parts[i]);
  }
  const btVector3 size = high - low;
  const btVector3 squares = size * size;
  link->mass = mass;
  link->inertia_diagonal =
      btVector3(squares.y() + squares.z(), squares.x() + squares.z(), squares.x() + squares.y()) *
      (mass / 12);
  link->inertial_frame.setOrigin(centre);
  link->shape = std::move(compound);
  link->collision_looks = shapes;
}

LinkModel Finger(const std::string& name, double side) {
  LinkModel finger;
  finger.name = name;
  finger.joint_name = name + "_joint";
  finger.parent = kSchunkJoints - 1;
  finger.joint_type = JointType::kPrismatic;
  finger.parent_to_joint.setOrigin(btVector3(0, side * kFingerThickness_m / 2, kToolHeight_m));
  finger.axis = btVector3(0, side, 0);
  finger.has_limits = true;
  finger.position_low = 0;
  finger.position_high = kFingerOpen_m;
  finger.effort_max = kFingerEffort_N;
  SetShapes({Shape(SceneShape::Kind::kBox, {0.02, kFingerThickness_m, 0.052}, btVector3(0, 0, 0),
                   kGripperColour)},
            kFingerMass_kg, &finger);
  ContactMaterial pad;
  pad.friction = kFingerFriction;
  finger.material = pad;
  return finger;
}

std::shared_ptr<const BodyModel> Make() {
  const ArmModel arm = SchunkArm();
  auto model = std::make_shared<BodyModel>();
  model->name = "schunk_lwa4p";
  model->base.name = "base";
  SetShapes(
      {Shape(SceneShape::Kind::kCylinder, {0.07, 0.04, 0}, btVector3(0, 0, 0.02), kJointColour)}, 1,
      &model->base);
  for (int i = 0; i < kSchunkJoints; ++i) {
    const ArmJoint& joint = arm.joints()[i];
    LinkModel link;
    link.name = absl::StrCat("link_", i + 1);
    link.joint_name = absl::StrCat("joint_", i + 1);
    link.parent = i - 1;
    link.joint_type = JointType::kRevolute;
    btMatrix3x3 turn;
    for (int row = 0; row < 3; ++row) {
      turn[row].setValue(joint.origin(row, 0), joint.origin(row, 1), joint.origin(row, 2));
    }
    link.parent_to_joint = btTransform(turn, ToBullet(joint.origin.translation()));
    link.axis = ToBullet(joint.axis);
    link.has_limits = true;
    link.position_low = joint.position_min_rad;
    link.position_high = joint.position_max_rad;
    link.effort_max = kEffort_N_m[i];
    link.velocity_max = kSpeed_rad_s;
    std::vector<SceneShape> shapes;
    for (const LinkCapsule& capsule : arm.capsules()) {
      if (capsule.joint != i || i == kSchunkJoints - 1) continue;
      shapes.push_back(CapsuleShape(capsule.shape, i % 2 == 0 ? kJointColour : kLinkColour));
    }
    if (i == kSchunkJoints - 1) {
      // Short of its capsule, to leave room for what the fingers hold.
      shapes.push_back(CapsuleShape({{0, 0, 0}, {0, 0, 0.05}, 0.05}, kLinkColour));
      shapes.push_back(Shape(SceneShape::Kind::kBox, {0.03, 0.09, 0.025}, btVector3(0, 0, 0.1025),
                             kGripperColour));
    }
    SetShapes(shapes, kMass_kg[i], &link);
    model->links.push_back(link);
  }
  model->links.push_back(Finger("finger_left", 1));
  model->links.push_back(Finger("finger_right", -1));
  LinkModel tool;
  tool.name = "tool";
  tool.joint_name = "tool_joint";
  tool.parent = kSchunkJoints - 1;
  tool.parent_to_joint.setOrigin(btVector3(0, 0, kToolHeight_m));
  model->links.push_back(tool);
  return model;
}

}  // namespace

std::shared_ptr<const BodyModel> SchunkBody() {
  static const auto& model = *new std::shared_ptr<const BodyModel>(Make());
  return model;
}

}  // namespace armature
