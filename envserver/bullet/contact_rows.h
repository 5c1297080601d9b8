// Rows of the impulse solver for the points of one manifold, as Bullet's
// btMultiBodyConstraintSolver::convertMultiBodyContact makes them: same order, same numbers up to
// rounding, but for restitution (bounce.h).
//
// Thread safety: none, like the bodies' world. Allocation: see ImpulseSolver.
#ifndef ARMATURE_ENVSERVER_BULLET_CONTACT_ROWS_H_
#define ARMATURE_ENVSERVER_BULLET_CONTACT_ROWS_H_

#include <vector>

#include "BulletCollision/NarrowPhaseCollision/btPersistentManifold.h"
#include "BulletDynamics/ConstraintSolver/btContactSolverInfo.h"
#include "envserver/bullet/impulse_solver.h"

namespace armature {

class Body;

class ContactRows {
 public:
  // One object of a manifold.
  struct Side {
    const Body* body = nullptr;  // Null: it does not move.
    int number = -1;             // In the solver.
    int link = 0;
  };

  // How many rows there would be.
  static int Count(const btPersistentManifold& manifold);

  void Clear() { points_.clear(); }
  void Add(btPersistentManifold* manifold, const Side& a, const Side& b,
           const btContactSolverInfo& info, ImpulseSolver* solver);
  // Writes the solved impulses into the points.
  void WriteBack(const ImpulseSolver& solver) const;

 private:
  struct Point {
    btManifoldPoint* point;
    int normal;  // Rows.
    int friction;
    double normal_rhs;
  };
  // Directions in which the bodies push, or turn, each other.
  struct Direction {
    btVector3 axis;
    bool turns = false;
    double softness = 0;
  };
  // Returns the relative velocity along the row. Sets the row's mass.
  double AddDirection(ImpulseSolver::Kind kind, const Direction& direction,
                      const btManifoldPoint& point, const Side& a, const Side& b,
                      ImpulseSolver* solver, ImpulseSolver::ContactRow* row) const;
  void AddNormal(const btManifoldPoint& point, const Side& a, const Side& b,
                 const btContactSolverInfo& info, ImpulseSolver* solver, Point* rows) const;
  int AddFriction(const btVector3& axis, const btManifoldPoint& point, const Side& a, const Side& b,
                  const btContactSolverInfo& info, ImpulseSolver* solver) const;
  void AddTurning(ImpulseSolver::Kind kind, const btVector3& axis, double friction,
                  const btManifoldPoint& point, const Side& a, const Side& b,
                  const btContactSolverInfo& info, ImpulseSolver* solver) const;

  std::vector<Point> points_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_CONTACT_ROWS_H_
