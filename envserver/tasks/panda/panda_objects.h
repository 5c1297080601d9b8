// What the Panda moves: cubes and a puck.
//
// Thread safety: none, like their world.
// Units: m, rad, s, kg.
#ifndef ARMATURE_ENVSERVER_TASKS_PANDA_PANDA_OBJECTS_H_
#define ARMATURE_ENVSERVER_TASKS_PANDA_PANDA_OBJECTS_H_

#include <string>

#include "absl/types/span.h"
#include "common/random/rng.h"
#include "common/scene/scene.h"
#include "envserver/bullet/body.h"
#include "envserver/kit/task.h"
#include "envserver/kit/task_builder.h"

namespace armature {

inline constexpr double kCubeSide = 0.04;
inline constexpr double kCubeMass = 1;
inline constexpr Colour kGreen = {0.1, 0.9, 0.1, 1};
inline constexpr Colour kBlue = {0.1, 0.1, 0.9, 1};
inline constexpr double kGhostAlpha = 0.3;

// How an object's rotation is observed: Euler angles (3), or x, y, z, w (4).
enum class ObjectRotation { kEuler, kQuaternion };

// Observed elements of an object.
constexpr int ObjectSize(ObjectRotation rotation) {
  return rotation == ObjectRotation::kEuler ? 12 : 13;
}

// A cube of kCubeSide that rests on the table at the origin.
Body* AddCube(const std::string& name, double mass, const Colour& colour, TaskBuilder* task);

// The same shape as a marker, see-through.
Marker AddGhost(const std::string& name, const SceneShape& shape, TaskBuilder* task);
SceneShape CubeShape(const Colour& colour);

// Puts an object at `position`, upright.
void PlaceObject(const btVector3& position, Body* object);

// A point at `height` above a place on the table: x and y ~ U(centre +- 0.15).
btVector3 RandomPlace(double height, Rng* rng, double centre_x = 0);

// Writes position (3), rotation, velocity (3) and angular velocity (3). The Euler angles are turns
// about the fixed x, y and z, in this order.
void ObserveObject(const Body& object, ObjectRotation rotation, absl::Span<float> out);

void CopyPoint(const btVector3& point, absl::Span<float> out);  // [3]
btVector3 ToPoint(absl::Span<const float> values);              // [3]

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_PANDA_PANDA_OBJECTS_H_
