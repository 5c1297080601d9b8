// The state of a world: of its bodies, and of all contacts between them, so exact that a world
// which is put into it goes on as the one it was taken from, to the last bit.
//
// Thread safety: plain values.
#ifndef ARMATURE_ENVSERVER_BULLET_WORLD_STATE_H_
#define ARMATURE_ENVSERVER_BULLET_WORLD_STATE_H_

#include <vector>

#include "BulletCollision/NarrowPhaseCollision/btManifoldPoint.h"
#include "LinearMath/btVector3.h"
#include "envserver/bullet/body_state.h"

namespace armature {

// Bullet's contact caches, in Bullet's own order, which decides the order in which contacts are
// solved. Collision objects are numbered in the order in which they were added to the world.
struct ContactCache {
  // Two objects whose bounding boxes overlap.
  struct Pair {
    int object_a = 0;
    int object_b = 0;
    bool was_processed = false;  // False: filtered out; it has no parts.
    int num_parts = 0;           // Of `parts`, in order.
  };
  // Two convex shapes, one of each object, that may touch.
  struct Part {
    int child_a = 0;  // Index in a compound shape; 0 if the object's shape is not one.
    int child_b = 0;
    int manifold = -1;   // Its place among all manifolds; -1: none.
    int num_points = 0;  // Of `points`, in order.
  };
  std::vector<Pair> pairs;
  std::vector<Part> parts;
  std::vector<btManifoldPoint> points;

  bool empty() const { return pairs.empty(); }
};

struct WorldState {
  std::vector<BodyState> bodies;  // By body id.
  // Empty: none yet; the next step finds them anew, in an order that depends only on the poses.
  ContactCache contacts;
  btVector3 gravity = btVector3(0, 0, 0);

  BodyState& operator[](int body_id) { return bodies[body_id]; }
  const BodyState& operator[](int body_id) const { return bodies[body_id]; }
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_WORLD_STATE_H_
