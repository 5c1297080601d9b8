#include "envserver/bullet/ground_contacts.h"

#include <algorithm>
#include <new>

#include "BulletCollision/BroadphaseCollision/btBroadphaseProxy.h"
#include "BulletCollision/CollisionDispatch/btActivatingCollisionAlgorithm.h"
#include "BulletCollision/CollisionDispatch/btCollisionObjectWrapper.h"
#include "BulletCollision/CollisionDispatch/btCompoundCollisionAlgorithm.h"
#include "BulletCollision/CollisionDispatch/btConvexConcaveCollisionAlgorithm.h"
#include "BulletCollision/CollisionDispatch/btManifoldResult.h"
#include "BulletCollision/CollisionShapes/btCompoundShape.h"
#include "BulletCollision/CollisionShapes/btConvexShape.h"
#include "BulletCollision/CollisionShapes/btSphereShape.h"
#include "BulletCollision/CollisionShapes/btStaticPlaneShape.h"
#include "envserver/bullet/height_field_shape.h"

namespace armature {
namespace {

// m, of a distance: far more than what rounding may change.
constexpr double kRounding = 1e-9;

constexpr int kAxesMax = 8;

// The point of a triangle that is nearest to `point` (Ericson 2005, 5.1.5).
btVector3 NearestPoint(const btVector3* corners, const btVector3& point) {
  const btVector3 &a = corners[0], &b = corners[1], &c = corners[2];
  const btVector3 ab = b - a, ac = c - a;
  const double d1 = ab.dot(point - a), d2 = ac.dot(point - a);
  if (d1 <= 0 && d2 <= 0) return a;
  const double d3 = ab.dot(point - b), d4 = ac.dot(point - b);
  if (d3 >= 0 && d4 <= d3) return b;
  const double of_c = d1 * d4 - d3 * d2;
  if (of_c <= 0 && d1 >= 0 && d3 <= 0) return a + d1 / (d1 - d3) * ab;
  const double d5 = ab.dot(point - c), d6 = ac.dot(point - c);
  if (d6 >= 0 && d5 <= d6) return c;
  const double of_b = d5 * d2 - d1 * d6;
  if (of_b <= 0 && d2 >= 0 && d6 <= 0) return a + d2 / (d2 - d6) * ac;
  const double of_a = d3 * d6 - d5 * d4;
  if (of_a <= 0 && d4 >= d3 && d5 >= d6) {
    return b + (d4 - d3) / ((d4 - d3) + (d5 - d6)) * (c - b);
  }
  return a + of_b / (of_a + of_b + of_c) * ab + of_c / (of_a + of_b + of_c) * ac;
}

// Out of the ground.
btVector3 Up(const btVector3* corners) {
  return (corners[2] - corners[0]).cross(corners[1] - corners[0]).normalized();
}

// The farthest point of a shape in a direction.
btVector3 Support(const btConvexShape& shape, const btTransform& pose, const btVector3& direction) {
  return pose * shape.localGetSupportingVertex(direction * pose.getBasis());
}

// Whether a point is vertically over or under a triangle.
bool IsUnder(const btVector3* corners, const btVector3& point) {
  for (int i = 0; i < 3; ++i) {
    // They go round clockwise, seen from above.
    const btVector3 edge = corners[(i + 1) % 3] - corners[i], way = point - corners[i];
    if (edge.x() * way.y() - edge.y() * way.x() > kRounding) return false;
  }
  return true;
}

// Whether an axis is found along which a shape and a triangle are more than `distance` apart: first
// the triangle's normal, then from its nearest point to a point of the shape that comes nearer to
// it each time (the method of Frank and Wolfe). Far cheaper than Bullet's search for the distance,
// and finds nearly all that are.
bool IsFar(const btConvexShape& shape, const btTransform& pose, const btVector3* corners,
           double distance) {
  const btVector3 up = Up(corners);
  btVector3 point = Support(shape, pose, -up);
  if (up.dot(point - corners[0]) > distance) return true;
  for (int i = 0; i < kAxesMax; ++i) {
    const btVector3 nearest = NearestPoint(corners, point);
    const btVector3 way = point - nearest;
    if (way.length2() <= distance * distance) return false;
    // All of the triangle is behind `nearest`, and all of the shape before `front`.
    const btVector3 axis = way.normalized(), front = Support(shape, pose, -axis);
    if (axis.dot(front - nearest) > distance) return true;
    const btVector3 step = front - point;
    const double length2 = step.length2();
    if (length2 == 0) return false;
    point += std::clamp(-way.dot(step) / length2, 0.0, 1.0) * step;
  }
  return false;
}

// Contacts of a convex shape, which is first in their manifold, with a height field.
class FieldAlgorithm : public btActivatingCollisionAlgorithm {
 public:
  FieldAlgorithm(const btCollisionAlgorithmConstructionInfo& construction,
                 const btCollisionObjectWrapper* a, const btCollisionObjectWrapper* b,
                 bool field_is_first)
      : btActivatingCollisionAlgorithm(construction, a, b),
        triangles_(construction.m_dispatcher1, a, b, field_is_first),
        field_is_first_(field_is_first) {}

  void processCollision(const btCollisionObjectWrapper* a, const btCollisionObjectWrapper* b,
                        const btDispatcherInfo& dispatch, btManifoldResult* result) override {
    const btCollisionObjectWrapper& convex = field_is_first_ ? *b : *a;
    const btCollisionObjectWrapper& field = field_is_first_ ? *a : *b;
    const auto& ground = static_cast<const HeightFieldShape&>(*field.getCollisionShape());
    triangles_.m_manifoldPtr->setBodies(convex.getCollisionObject(), field.getCollisionObject());
    result->setPersistentManifold(triangles_.m_manifoldPtr);
    // Saved with each contact; unset, they would be whatever was in memory.
    result->setShapeIdentifiersA(a->m_partId, a->m_index);
    result->setShapeIdentifiersB(b->m_partId, b->m_index);
    if (convex.getCollisionShape()->getShapeType() == SPHERE_SHAPE_PROXYTYPE) {
      TouchSphere(convex, field, ground, result);
    } else {
      triangles_.setTimeStepAndCounters(ground.getMargin(), dispatch, &convex, &field, result);
      TouchConvex(convex, field, ground, result);
      triangles_.clearWrapperData();
    }
    result->refreshContactPoints();
  }

  btScalar calculateTimeOfImpact(btCollisionObject*, btCollisionObject*, const btDispatcherInfo&,
                                 btManifoldResult*) override {
    return 1;
  }

  void getAllContactManifolds(btManifoldArray& manifolds) override {
    manifolds.push_back(triangles_.m_manifoldPtr);
  }

 private:
  void TouchSphere(const btCollisionObjectWrapper& sphere, const btCollisionObjectWrapper& field,
                   const HeightFieldShape& ground, btManifoldResult* result) {
    const btTransform& frame = field.getWorldTransform();
    const double radius =
        static_cast<const btSphereShape*>(sphere.getCollisionShape())->getRadius();
    const double reach = radius + triangles_.m_manifoldPtr->getContactBreakingThreshold();
    ground.ForEachTouch(frame.invXform(sphere.getWorldTransform().getOrigin()), reach,
                        [&](const HeightFieldShape::Touch& touch) {
                          result->addContactPoint(frame.getBasis() * touch.normal,
                                                  frame * touch.point, touch.distance - radius);
                        });
  }

  // The shape's lowest point over a face touches it; the face's convex edges may touch the shape
  // anywhere, which is for Bullet to find. Other edges are not nearer than the faces beside them.
  void TouchConvex(const btCollisionObjectWrapper& convex, const btCollisionObjectWrapper& field,
                   const HeightFieldShape& ground, btManifoldResult* result) {
    const auto& shape = static_cast<const btConvexShape&>(*convex.getCollisionShape());
    const btTransform& frame = field.getWorldTransform();
    const btTransform pose = frame.inverse() * convex.getWorldTransform();
    const btVector3 low = triangles_.getAabbMin(), high = triangles_.getAabbMax();
    // Contacts farther away are dropped.
    const double distance_max =
        triangles_.m_manifoldPtr->getContactBreakingThreshold() + ground.getMargin() + kRounding;
    bool touches = false;
    const auto search = [&](HeightFieldShape::Triangle& triangle) {
      if (IsFar(shape, pose, triangle.corners, distance_max)) return;
      touches = true;
      triangles_.processTriangle(triangle.corners, triangle.part, triangle.index);
    };
    ground.ForEachTriangle(low, high, [&](HeightFieldShape::Triangle& triangle) {
      const btVector3* corners = triangle.corners;
      const btVector3 up = Up(corners);
      const btVector3 lowest = Support(shape, pose, -up);
      const double distance = up.dot(lowest - corners[0]);
      if (distance > distance_max) return;
      // Of a point in the ground, the face above.
      if (IsUnder(corners, distance > 0 ? lowest - distance * up : lowest)) {
        const double gap = distance - ground.getMargin();
        result->addContactPoint(frame.getBasis() * up, frame * (lowest - gap * up), gap);
        touches = true;
      } else if (ground.HasConvexEdge(triangle)) {
        search(triangle);
      }
    });
    // Its lowest points over each face may all be over others.
    if (!touches) ground.ForEachTriangle(low, high, search);
  }

  btConvexTriangleCallback triangles_;  // Owns the manifold.
  const bool field_is_first_;
};

// A plane in the world.
struct Plane {
  explicit Plane(const btCollisionObjectWrapper& wrapper) {
    const auto& shape = static_cast<const btStaticPlaneShape&>(*wrapper.getCollisionShape());
    const btTransform& frame = wrapper.getWorldTransform();
    normal = frame.getBasis() * shape.getPlaneNormal();
    offset = normal.dot(frame.getOrigin()) + shape.getPlaneConstant();
  }
  double Height(const btVector3& point) const { return normal.dot(point) - offset; }
  btVector3 normal;
  double offset;
};

// The contact of a convex shape, which is first in their manifold, with a plane.
class PlaneAlgorithm : public btActivatingCollisionAlgorithm {
 public:
  PlaneAlgorithm(const btCollisionAlgorithmConstructionInfo& construction,
                 const btCollisionObjectWrapper* a, const btCollisionObjectWrapper* b,
                 bool plane_is_first)
      : btActivatingCollisionAlgorithm(construction, a, b), plane_is_first_(plane_is_first) {
    const btCollisionObject* convex = (plane_is_first ? b : a)->getCollisionObject();
    const btCollisionObject* plane = (plane_is_first ? a : b)->getCollisionObject();
    manifold_ = m_dispatcher->getNewManifold(convex, plane);
  }
  ~PlaneAlgorithm() override { m_dispatcher->releaseManifold(manifold_); }

  void processCollision(const btCollisionObjectWrapper* a, const btCollisionObjectWrapper* b,
                        const btDispatcherInfo&, btManifoldResult* result) override {
    const btCollisionObjectWrapper& convex = plane_is_first_ ? *b : *a;
    const Plane plane(plane_is_first_ ? *a : *b);
    // Saved with each contact; unset, they would be whatever was in memory.
    result->setShapeIdentifiersA(a->m_partId, a->m_index);
    result->setShapeIdentifiersB(b->m_partId, b->m_index);
    Touch(plane,
          Support(static_cast<const btConvexShape&>(*convex.getCollisionShape()),
                  convex.getWorldTransform(), -plane.normal),
          result);
  }

  // `lowest`: the shape's point that is farthest down.
  void Touch(const Plane& plane, const btVector3& lowest, btManifoldResult* result) {
    result->setPersistentManifold(manifold_);
    result->refreshContactPoints();
    const double distance = plane.Height(lowest);
    if (distance <
        manifold_->getContactBreakingThreshold() + result->m_closestPointDistanceThreshold) {
      result->addContactPoint(plane.normal, lowest - distance * plane.normal, distance);
    }
  }

  btScalar calculateTimeOfImpact(btCollisionObject*, btCollisionObject*, const btDispatcherInfo&,
                                 btManifoldResult*) override {
    return 1;
  }

  void getAllContactManifolds(btManifoldArray& manifolds) override {
    manifolds.push_back(manifold_);
  }

 private:
  btPersistentManifold* manifold_;
  const bool plane_is_first_;
};

// Contacts of a compound of convex shapes with the ground. `Ground` is PlaneBelow or FieldBelow.
template <typename Ground>
class CompoundAlgorithm : public btCompoundCollisionAlgorithm {
 public:
  using btCompoundCollisionAlgorithm::btCompoundCollisionAlgorithm;

  void processCollision(const btCollisionObjectWrapper* a, const btCollisionObjectWrapper* b,
                        const btDispatcherInfo& dispatch, btManifoldResult* result) override {
    const btCollisionObjectWrapper& body = m_isSwapped ? *b : *a;
    const btCollisionObjectWrapper& below = m_isSwapped ? *a : *b;
    const auto& compound = static_cast<const btCompoundShape&>(*body.getCollisionShape());
    if (result->m_closestPointDistanceThreshold > 0 ||
        compound.getUpdateRevision() != m_compoundShapeRevision) {
      // Asked for distances, or about shapes that have changed.
      return btCompoundCollisionAlgorithm::processCollision(a, b, dispatch, result);
    }
    Ground ground(below);
    for (int i = 0; i < m_childCollisionAlgorithms.size(); ++i) {
      btCollisionAlgorithm*& algorithm = m_childCollisionAlgorithms[i];
      const auto& shape = static_cast<const btConvexShape&>(*compound.getChildShape(i));
      const btTransform pose = body.getWorldTransform() * compound.getChildTransform(i);
      if (!ground.IsNear(shape, pose)) {
        if (algorithm == nullptr) continue;
        if (Ground::kFrees) {
          algorithm->~btCollisionAlgorithm();
          m_dispatcher->freeCollisionAlgorithm(algorithm);
          algorithm = nullptr;
          continue;
        }
      }
      const btCollisionObjectWrapper child(&body, &shape, body.getCollisionObject(), pose, -1, i);
      if (algorithm == nullptr) {
        algorithm = m_dispatcher->findAlgorithm(&child, &below, m_sharedManifold,
                                                BT_CONTACT_POINT_ALGORITHMS);
      }
      const bool is_first = result->getBody0Internal() == body.getCollisionObject();
      const btCollisionObjectWrapper* const whole =
          is_first ? result->getBody0Wrap() : result->getBody1Wrap();
      is_first ? result->setBody0Wrap(&child) : result->setBody1Wrap(&child);
      result->setShapeIdentifiersA(is_first ? -1 : below.m_partId, is_first ? i : below.m_index);
      result->setShapeIdentifiersB(is_first ? below.m_partId : -1, is_first ? below.m_index : i);
      ground.Touch(*algorithm, child, dispatch, result);
      is_first ? result->setBody0Wrap(whole) : result->setBody1Wrap(whole);
    }
  }
};

class PlaneBelow {
 public:
  static constexpr bool kFrees = true;  // What is far, as Bullet.
  explicit PlaneBelow(const btCollisionObjectWrapper& plane) : plane_(plane) {}
  bool IsNear(const btConvexShape& shape, const btTransform& pose) {
    lowest_ = Support(shape, pose, -plane_.normal);
    return plane_.Height(lowest_) <= gContactBreakingThreshold;
  }
  // Of the shape that IsNear was asked about last.
  void Touch(btCollisionAlgorithm& algorithm, const btCollisionObjectWrapper&,
             const btDispatcherInfo&, btManifoldResult* result) {
    static_cast<PlaneAlgorithm&>(algorithm).Touch(plane_, lowest_, result);
  }

 private:
  const Plane plane_;
  btVector3 lowest_;
};

class FieldBelow {
 public:
  // What is far from rough ground is soon near again: no algorithms and manifolds come and go.
  static constexpr bool kFrees = false;
  explicit FieldBelow(const btCollisionObjectWrapper& field) : field_(field) {}
  bool IsNear(const btConvexShape& shape, const btTransform& pose) {
    const auto& ground = static_cast<const HeightFieldShape&>(*field_.getCollisionShape());
    btVector3 low, high;
    shape.getAabb(field_.getWorldTransform().inverse() * pose, low, high);
    const double around = gContactBreakingThreshold + ground.getMargin();
    const btVector3 margin(around, around, around);
    return !ground.IsClear(low - margin, high + margin);
  }
  void Touch(btCollisionAlgorithm& algorithm, const btCollisionObjectWrapper& child,
             const btDispatcherInfo& dispatch, btManifoldResult* result) {
    result->setPersistentManifold(nullptr);
    algorithm.processCollision(&child, &field_, dispatch, result);
  }

 private:
  const btCollisionObjectWrapper& field_;
};

// Bullet's pool has room for its own.
static_assert(sizeof(FieldAlgorithm) <= sizeof(btConvexConcaveCollisionAlgorithm), "");
static_assert(sizeof(PlaneAlgorithm) <= sizeof(btConvexConcaveCollisionAlgorithm), "");
static_assert(sizeof(CompoundAlgorithm<PlaneBelow>) == sizeof(btCompoundCollisionAlgorithm), "");

template <typename Algorithm>
struct Create : btCollisionAlgorithmCreateFunc {
  explicit Create(bool ground_is_first) { m_swapped = ground_is_first; }
  btCollisionAlgorithm* CreateCollisionAlgorithm(btCollisionAlgorithmConstructionInfo& construction,
                                                 const btCollisionObjectWrapper* a,
                                                 const btCollisionObjectWrapper* b) override {
    void* memory = construction.m_dispatcher1->allocateCollisionAlgorithm(sizeof(Algorithm));
    return new (memory) Algorithm(construction, a, b, m_swapped);
  }
};

template <typename Algorithm>
void Register(int type, int ground, btCollisionDispatcher* dispatcher) {
  // They have no state, and outlive every dispatcher.
  static auto& ground_last = *new Create<Algorithm>(/*ground_is_first=*/false);
  static auto& ground_first = *new Create<Algorithm>(/*ground_is_first=*/true);
  dispatcher->registerCollisionCreateFunc(type, ground, &ground_last);
  dispatcher->registerCollisionCreateFunc(ground, type, &ground_first);
}

}  // namespace

void RegisterGroundContacts(btCollisionDispatcher* dispatcher) {
  for (int type = 0; type < CONCAVE_SHAPES_START_HERE; ++type) {
    if (!btBroadphaseProxy::isConvex(type)) continue;
    Register<FieldAlgorithm>(type, TERRAIN_SHAPE_PROXYTYPE, dispatcher);
    Register<PlaneAlgorithm>(type, STATIC_PLANE_PROXYTYPE, dispatcher);
  }
  Register<CompoundAlgorithm<FieldBelow>>(COMPOUND_SHAPE_PROXYTYPE, TERRAIN_SHAPE_PROXYTYPE,
                                          dispatcher);
  Register<CompoundAlgorithm<PlaneBelow>>(COMPOUND_SHAPE_PROXYTYPE, STATIC_PLANE_PROXYTYPE,
                                          dispatcher);
}

}  // namespace armature
