#include "envserver/bullet/row_solver.h"

#include <algorithm>

#include "envserver/bullet/bounce.h"
#include "envserver/bullet/joint_rows.h"
#include "envserver/bullet/row_arithmetic.h"

namespace armature {
namespace {

inline void AddScaled(const double* __restrict from, double factor, int size,
                      double* __restrict to) {
  for (int k = 0; k < size; k += kBlock) {
#pragma GCC unroll 4
    for (int i = 0; i < kBlock; ++i) to[k + i] += factor * from[k + i];
  }
}

// Appends `size` numbers, then zeros up to a multiple of kBlock.
void AppendFilled(const double* from, int size, std::vector<double>* to) {
  to->insert(to->end(), from, from + size);
  to->resize(Filled(static_cast<int>(to->size())), 0.0);
}

// Room for a heap of robots, so that steps do not allocate whenever there are a few more contacts
// than ever before.
constexpr int kRowsReserved = 64;  // Of each kind.
constexpr int kNumbersReserved = 2048;

// A fixed base's velocities are not used.
int NumUnused(const btMultiBody& body) { return body.hasFixedBase() ? 6 : 0; }

}  // namespace

void RowSolver::ReadHalf(btMultiBody* body, int bullet_delta, int bullet_at, Half* half) {
  if (body == nullptr) return;
  const int unused = NumUnused(*body);
  const int size = 6 + body->getNumDofs() - unused;
  auto moved = std::find_if(moved_.begin(), moved_.end(),
                            [&](const Moved& each) { return each.body == body; });
  if (moved == moved_.end()) {
    moved_.push_back({body, bullet_delta, static_cast<int>(delta_.size())});
    AppendFilled(&m_data.m_deltaVelocities[bullet_delta + unused], size, &delta_);
    moved = moved_.end() - 1;
  }
  half->delta = moved->delta;
  half->at = static_cast<int>(jacobian_.size());
  AppendFilled(&m_data.m_jacobians[bullet_at + unused], size, &jacobian_);
  AppendFilled(&m_data.m_deltaVelocitiesUnitImpulse[bullet_at + unused], size, &response_);
  half->size = static_cast<int>(jacobian_.size()) - half->at;
}

void RowSolver::Read(const btMultiBodyConstraintArray& constraints, bool of_joints, Rows* rows) {
  rows->clear();
  for (int i = 0; i < constraints.size(); ++i) {
    const btMultiBodySolverConstraint& constraint = constraints[i];
    rows->emplace_back();
    Row& row = rows->back();
    ReadHalf(constraint.m_multiBodyA, constraint.m_deltaVelAindex, constraint.m_jacAindex,
             &row.halves[0]);
    ReadHalf(constraint.m_multiBodyB, constraint.m_deltaVelBindex, constraint.m_jacBindex,
             &row.halves[1]);
    row.rhs = constraint.m_rhs;
    row.mass = constraint.m_jacDiagABInv;
    row.inverse_mass = row.mass > 0 ? 1 / row.mass : 0;
    row.softness = constraint.m_cfm;
    row.low = constraint.m_lowerLimit;
    row.high = constraint.m_upperLimit;
    row.impulse = constraint.m_appliedImpulse;
    row.friction = constraint.m_friction;
    row.normal = constraint.m_frictionIndex;
    row.constraint = &constraint;
    if (!of_joints) continue;
    const auto* joint = static_cast<const JointRow*>(constraint.m_orgConstraint);
    if (!joint->has_one_joint()) continue;
    row.index = joint->velocity_index() - NumUnused(*constraint.m_multiBodyA);
    row.sign = jacobian_[row.halves[0].at + row.index];
    row.inverse_mass = row.sign * response_[row.halves[0].at + row.index];
  }
}

inline double RowSolver::Wanted(const Row& row) const {
  double velocity = 0;
  if (row.index >= 0) {
    velocity = row.sign * delta_[row.halves[0].delta + row.index];
  } else {
    for (const Half& half : row.halves) {
      velocity += Dot(&jacobian_[half.at], &delta_[half.delta], half.size);
    }
  }
  return row.impulse + row.rhs - row.softness * row.impulse - velocity * row.mass;
}

inline void RowSolver::Push(const Row& row, double change) {
  for (const Half& half : row.halves) {
    AddScaled(&response_[half.at], change, half.size, &delta_[half.delta]);
  }
}

inline double RowSolver::Resolve(Row* row) {
  const double impulse = std::min(std::max(Wanted(*row), row->low), row->high);
  const double change = impulse - row->impulse;
  row->impulse = impulse;
  Push(*row, change);
  const double velocity = change * row->inverse_mass;
  return velocity * velocity;
}

inline double RowSolver::ResolveCone(Row* a, Row* b) {
  double wanted_a = Wanted(*a);
  double wanted_b = Wanted(*b);
  HoldToCircle(a->low, b->low, &wanted_a, &wanted_b);
  const double change_a = wanted_a - a->impulse;
  const double change_b = wanted_b - b->impulse;
  a->impulse = wanted_a;
  b->impulse = wanted_b;
  Push(*a, change_a);
  Push(*b, change_b);
  const double velocity = change_a * a->inverse_mass + change_b * b->inverse_mass;
  return velocity * velocity;
}

double RowSolver::Sweep(int iteration) {
  double residual = 0;
  const int num_joints = static_cast<int>(joints_.size());
  for (int i = 0; i < num_joints; ++i) {
    // Forwards and backwards in turn, as Bullet.
    Row& row = joints_[iteration % 2 == 1 ? i : num_joints - 1 - i];
    residual = std::max(residual, Resolve(&row));
  }
  for (Row& row : normals_) residual = std::max(residual, Resolve(&row));
  const auto hold = [this](Row* row) {
    row->high = row->friction * normals_[row->normal].impulse;
    row->low = -row->high;
  };
  for (Row& row : spinning_) {
    if (normals_[row.normal].impulse <= 0) continue;
    hold(&row);
    residual = std::max(residual, Resolve(&row));
  }
  for (size_t i = 0; i + 1 < rolling_.size(); i += 2) {
    Row& a = rolling_[i];
    Row& b = rolling_[i + 1];
    if (normals_[a.normal].impulse <= 0 || a.normal != b.normal) continue;
    hold(&a);
    hold(&b);
    residual = std::max(residual, ResolveCone(&a, &b));
  }
  for (size_t i = 0; i + 1 < frictions_.size(); i += 2) {
    Row& a = frictions_[i];
    Row& b = frictions_[i + 1];
    if (a.normal != b.normal) continue;
    hold(&a);
    hold(&b);
    residual = std::max(residual, ResolveCone(&a, &b));
  }
  return residual;
}

void RowSolver::WriteBack(const Rows& rows) {
  for (const Row& row : rows) row.constraint->m_appliedImpulse = row.impulse;
}

void RowSolver::BounceInFullAll(const btContactSolverInfo& info) {
  for (int i = 0; i < m_multiBodyNormalContactConstraints.size(); ++i) {
    btMultiBodySolverConstraint& row = m_multiBodyNormalContactConstraints[i];
    const auto* point = static_cast<const btManifoldPoint*>(row.m_originalContactPoint);
    if (point->m_combinedRestitution <= 0 || row.m_jacDiagABInv <= 0) continue;
    row.m_rhs =
        BounceInFull(row.m_rhs / row.m_jacDiagABInv, point->getDistance() + info.m_linearSlop,
                     point->m_combinedRestitution, info) *
        row.m_jacDiagABInv;
  }
}

btScalar RowSolver::solveGroupCacheFriendlyIterations(
    btCollisionObject** bodies, int num_bodies, btPersistentManifold** manifolds, int num_manifolds,
    btTypedConstraint** constraints, int num_constraints, const btContactSolverInfo& solver,
    btIDebugDraw* debug_drawer) {
  BounceInFullAll(solver);
  const int cone = SOLVER_USE_2_FRICTION_DIRECTIONS | SOLVER_DISABLE_IMPLICIT_CONE_FRICTION;
  const bool only_multibodies =
      num_constraints == 0 && m_tmpSolverContactConstraintPool.size() == 0;
  if (!only_multibodies || (solver.m_solverMode & cone) != SOLVER_USE_2_FRICTION_DIRECTIONS) {
    return btMultiBodyConstraintSolver::solveGroupCacheFriendlyIterations(
        bodies, num_bodies, manifolds, num_manifolds, constraints, num_constraints, solver,
        debug_drawer);
  }
  if (delta_.capacity() == 0) {
    for (Rows* rows : {&joints_, &normals_, &spinning_, &rolling_, &frictions_}) {
      rows->reserve(kRowsReserved);
    }
    for (std::vector<double>* values : {&delta_, &before_, &jacobian_, &response_}) {
      values->reserve(kNumbersReserved);
    }
    moved_.reserve(kRowsReserved);
  }
  moved_.clear();
  for (std::vector<double>* values : {&delta_, &jacobian_, &response_}) values->clear();
  Read(m_multiBodyNonContactConstraints, /*of_joints=*/true, &joints_);
  Read(m_multiBodyNormalContactConstraints, /*of_joints=*/false, &normals_);
  Read(m_multiBodySpinningFrictionContactConstraints, /*of_joints=*/false, &spinning_);
  Read(m_multiBodyTorsionalFrictionContactConstraints, /*of_joints=*/false, &rolling_);
  Read(m_multiBodyFrictionContactConstraints, /*of_joints=*/false, &frictions_);
  before_ = delta_;  // Of the warm start; the bodies have it already.
  for (int iteration = 0; iteration < solver.m_numIterations; ++iteration) {
    if (Sweep(iteration) <= solver.m_leastSquaresResidualThreshold) break;
  }
  for (const Rows* rows : {&joints_, &normals_, &spinning_, &rolling_, &frictions_}) {
    WriteBack(*rows);
  }
  for (const Moved& moved : moved_) {
    const int unused = NumUnused(*moved.body);
    const int size = 6 + moved.body->getNumDofs() - unused;
    double* change = &m_data.m_deltaVelocities[moved.bullet_delta];
    std::fill(change, change + unused, 0.0);
    for (int k = 0; k < size; ++k) {
      change[unused + k] = delta_[moved.delta + k] - before_[moved.delta + k];
    }
    moved.body->applyDeltaVeeMultiDof2(change, 1);
    moved.body->setPosUpdated(false);
  }
  return 0;
}

}  // namespace armature
