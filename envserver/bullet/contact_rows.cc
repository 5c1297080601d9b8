#include "envserver/bullet/contact_rows.h"

#include <algorithm>
#include <cmath>

#include "envserver/bullet/body.h"
#include "envserver/bullet/bounce.h"
#include "envserver/bullet/row_arithmetic.h"
#include "envserver/bullet/tree_dynamics.h"

namespace armature {
namespace {

using Kind = ImpulseSolver::Kind;

// How a contact gives way: softness times impulse is a velocity, and of a penetration the share
// `erp` is made good in a step.
struct Give {
  double softness;
  double erp;
};

Give GiveOf(const btManifoldPoint& point, const btContactSolverInfo& info) {
  Give give = {info.m_globalCfm, info.m_erp2};
  if ((point.m_contactPointFlags & BT_CONTACT_FLAG_CONTACT_STIFFNESS_DAMPING) != 0) {
    const double spring = info.m_timeStep * point.m_combinedContactStiffness1;
    const double sum = std::max(spring + point.m_combinedContactDamping1, SIMD_EPSILON);
    give = {1 / sum, spring / sum};
  }
  give.softness /= info.m_timeStep;
  return give;
}

}  // namespace

int ContactRows::Count(const btPersistentManifold& manifold) {
  int count = 0;
  for (int i = 0; i < manifold.getNumContacts(); ++i) {
    const btManifoldPoint& point = manifold.getContactPoint(i);
    count += 3 + (point.m_combinedSpinningFriction > 0 ? 1 : 0) +
             (point.m_combinedRollingFriction > 0 ? 2 : 0);
  }
  return count;
}

double ContactRows::AddDirection(Kind kind, const Direction& direction,
                                 const btManifoldPoint& point, const Side& a, const Side& b,
                                 ImpulseSolver* solver, ImpulseSolver::ContactRow* row) const {
  double* rows[2];
  solver->AddContactRow(kind, a.number, b.number, rows);
  double inverse_mass = 0, velocity = 0;
  for (int i = 0; i < 2; ++i) {
    const Side& side = i == 0 ? a : b;
    if (side.body == nullptr) continue;
    const btVector3& position = i == 0 ? point.m_positionWorldOnA : point.m_positionWorldOnB;
    const btVector3 axis = i == 0 ? direction.axis : -direction.axis;
    const TreeDynamics& tree = side.body->tree();
    velocity += tree.ContactRow(side.link, position, axis, direction.turns, rows[i]);
    inverse_mass += Dot(rows[i], rows[i], Filled(tree.num_velocities()));
  }
  const double sum = inverse_mass + direction.softness;
  row->mass = sum > SIMD_EPSILON ? 1 / sum : 0;
  return velocity;
}

void ContactRows::AddNormal(const btManifoldPoint& point, const Side& a, const Side& b,
                            const btContactSolverInfo& info, ImpulseSolver* solver,
                            Point* rows) const {
  const Give give = GiveOf(point, info);
  ImpulseSolver::ContactRow row;
  const double velocity = AddDirection(
      Kind::kNormal, {point.m_normalWorldOnB, false, give.softness}, point, a, b, solver, &row);
  double bounce = 0;
  if (std::abs(velocity) >= info.m_restitutionVelocityThreshold) {
    bounce = std::max(-velocity * point.m_combinedRestitution, 0.0);
  }
  const double distance = point.getDistance() + info.m_linearSlop;
  const double correction =
      distance > 0 ? -distance / info.m_timeStep : -distance * give.erp / info.m_timeStep;
  row.rhs =
      BounceInFull(bounce - velocity + correction, distance, point.m_combinedRestitution, info) *
      row.mass;
  rows->normal = solver->FinishContactRow(row);
  rows->normal_rhs = row.rhs;
}

int ContactRows::AddFriction(const btVector3& axis, const btManifoldPoint& point, const Side& a,
                             const Side& b, const btContactSolverInfo& info,
                             ImpulseSolver* solver) const {
  ImpulseSolver::ContactRow row;
  const double velocity =
      AddDirection(Kind::kFriction, {axis, false, info.m_frictionCFM / info.m_timeStep}, point, a,
                   b, solver, &row);
  const bool has_anchor = (point.m_contactPointFlags & BT_CONTACT_FLAG_FRICTION_ANCHOR) != 0;
  const double slip =
      has_anchor ? (point.m_positionWorldOnA - point.m_positionWorldOnB).dot(axis) : 0;
  row.rhs = (-slip * info.m_frictionERP / info.m_timeStep - velocity) * row.mass;
  row.friction = point.m_combinedFriction;
  return solver->FinishContactRow(row);
}

void ContactRows::AddTurning(Kind kind, const btVector3& axis, double friction,
                             const btManifoldPoint& point, const Side& a, const Side& b,
                             const btContactSolverInfo& info, ImpulseSolver* solver) const {
  ImpulseSolver::ContactRow row;
  const double velocity =
      AddDirection(kind, {axis, true, info.m_globalCfm}, point, a, b, solver, &row);
  row.rhs = -velocity * row.mass;
  row.friction = friction;
  solver->FinishContactRow(row);
}

void ContactRows::Add(btPersistentManifold* manifold, const Side& a, const Side& b,
                      const btContactSolverInfo& info, ImpulseSolver* solver) {
  for (int i = 0; i < manifold->getNumContacts(); ++i) {
    btManifoldPoint& point = manifold->getContactPoint(i);
    Point rows;
    rows.point = &point;
    AddNormal(point, a, b, info, solver, &rows);
    btPlaneSpace1(point.m_normalWorldOnB, point.m_lateralFrictionDir1, point.m_lateralFrictionDir2);
    point.m_lateralFrictionDir1.normalize();
    point.m_lateralFrictionDir2.normalize();
    if (point.m_combinedSpinningFriction > 0) {
      AddTurning(Kind::kSpinning, point.m_normalWorldOnB, point.m_combinedSpinningFriction, point,
                 a, b, info, solver);
    }
    if (point.m_combinedRollingFriction > 0) {
      for (const btVector3& axis : {point.m_lateralFrictionDir1, point.m_lateralFrictionDir2}) {
        AddTurning(Kind::kRolling, axis, point.m_combinedRollingFriction, point, a, b, info,
                   solver);
      }
    }
    rows.friction = AddFriction(point.m_lateralFrictionDir1, point, a, b, info, solver);
    AddFriction(point.m_lateralFrictionDir2, point, a, b, info, solver);
    points_.push_back(rows);
  }
}

void ContactRows::WriteBack(const ImpulseSolver& solver) const {
  for (const Point& rows : points_) {
    rows.point->m_appliedImpulse = solver.impulse(rows.normal);
    rows.point->m_prevRHS = rows.normal_rhs;
    rows.point->m_appliedImpulseLateral1 = solver.impulse(rows.friction);
    rows.point->m_appliedImpulseLateral2 = solver.impulse(rows.friction + 1);
  }
}

}  // namespace armature
