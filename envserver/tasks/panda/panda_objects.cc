#include "envserver/tasks/panda/panda_objects.h"

namespace armature {

SceneShape CubeShape(const Colour& colour) {
  SceneShape shape;
  shape.kind = SceneShape::Kind::kBox;
  shape.size = {kCubeSide, kCubeSide, kCubeSide};
  shape.colour = colour;
  return shape;
}

Body* AddCube(const std::string& name, double mass, const Colour& colour, TaskBuilder* task) {
  BodyOptions options;
  options.name = name;
  options.base_pose.setOrigin(btVector3(0, 0, kCubeSide / 2));
  options.colour = colour;
  return task->world().AddBox(btVector3(kCubeSide, kCubeSide, kCubeSide), mass, options);
}

Marker AddGhost(const std::string& name, const SceneShape& shape, TaskBuilder* task) {
  SceneShape ghost = shape;
  ghost.colour[3] = kGhostAlpha;
  return task->AddMarker(name, ghost);
}

void PlaceObject(const btVector3& position, Body* object) {
  object->SetBasePose(btTransform(btQuaternion::getIdentity(), position));
}

btVector3 RandomPlace(double height, Rng* rng, double centre_x) {
  constexpr double kReach = 0.15;
  const double x = centre_x + rng->Uniform(-kReach, kReach);
  const double y = rng->Uniform(-kReach, kReach);
  return btVector3(x, y, height);
}

void CopyPoint(const btVector3& point, absl::Span<float> out) {
  for (int i = 0; i < 3; ++i) out[i] = static_cast<float>(point[i]);
}

btVector3 ToPoint(absl::Span<const float> values) {
  return btVector3(values[0], values[1], values[2]);
}

void ObserveObject(const Body& object, ObjectRotation rotation, absl::Span<float> out) {
  const btTransform pose = object.LinkPose(kBase);
  const btQuaternion quaternion = pose.getRotation();
  CopyPoint(pose.getOrigin(), out);
  if (rotation == ObjectRotation::kQuaternion) {
    for (int i = 0; i < 4; ++i) out[3 + i] = static_cast<float>(quaternion[i]);
  } else {
    btVector3 euler;
    quaternion.getEulerZYX(euler[2], euler[1], euler[0]);
    CopyPoint(euler, out.subspan(3));
  }
  const int velocities = ObjectSize(rotation) - 6;
  CopyPoint(object.LinkVelocity(kBase), out.subspan(velocities));
  CopyPoint(object.LinkAngularVelocity(kBase), out.subspan(velocities + 3));
}

}  // namespace armature
