// A capsule: all points within `radius` of the segment from `a` to `b`. Metres.
#ifndef ARMATURE_ENVSERVER_SHIELD_CAPSULE_H_
#define ARMATURE_ENVSERVER_SHIELD_CAPSULE_H_

#include "Eigen/Core"

namespace armature {

struct Capsule {
  Eigen::Vector3d a;
  Eigen::Vector3d b;  // May be `a`: a ball.
  double radius = 0;
};

// The ball about the segment alone.
struct AxisBall {
  explicit AxisBall(const Capsule& capsule)
      : centre((capsule.a + capsule.b) / 2), radius((capsule.b - capsule.a).norm() / 2) {}

  Eigen::Vector3d centre;
  double radius;
};

// The least squared distance between the segments of two capsules.
// Source: Ericson, "Real-Time Collision Detection", 2005, 5.1.9.
double AxisDistanceSquared(const Capsule& one, const Capsule& other);

// Less than 0 where they overlap.
double Gap(const Capsule& one, const Capsule& other);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SHIELD_CAPSULE_H_
