// Motors and limits of single joints as solver rows, and a solver that is quick with
// them. They give what Bullet's btMultiBodyJointMotor, btMultiBodyJointLimitConstraint
// and btMultiBodyConstraintSolver give, without the work that those spend on a second
// body and on a Jacobian of which one element is not zero.
//
// Thread safety: that of their world.
#ifndef ARMATURE_ENVSERVER_BULLET_JOINT_ROWS_H_
#define ARMATURE_ENVSERVER_BULLET_JOINT_ROWS_H_

#include <vector>

#include "BulletDynamics/Featherstone/btMultiBody.h"
#include "BulletDynamics/Featherstone/btMultiBodyConstraint.h"
#include "BulletDynamics/Featherstone/btMultiBodyConstraintSolver.h"
#include "BulletDynamics/Featherstone/btMultiBodyLinkCollider.h"
#include "envserver/bullet/joint_space_inertia.h"

namespace armature {

// One row that acts on the joint of `link`, a joint of one DoF.
class JointRow : public btMultiBodyConstraint {
 public:
  // `island` is a collider of the body that is not static: it tells Bullet the
  // island that the row belongs to. `inertia` is the body's, or null: Bullet's own
  // computation. Both outlive this.
  JointRow(btMultiBody* body, int link, const btMultiBodyLinkCollider* island,
           JointSpaceInertia* inertia);

  int getIslandIdA() const override { return island_->getIslandTag(); }
  int getIslandIdB() const override { return -1; }
  void finalizeMultiDof() override {}
  void debugDraw(btIDebugDraw*) override {}

  // The index of the joint's velocity in the body's velocity vector.
  int velocity_index() const { return velocity_index_; }

 protected:
  double position() const { return m_bodyA->getJointPos(m_linkA); }
  double velocity() const { return m_bodyA->getJointVel(m_linkA); }
  // Adds a row that drives the joint's velocity v, times `sign`, to
  // `desired_velocity` with an impulse p in [impulse_low, impulse_high]. A soft row
  // gives way: sign v + softness p = desired_velocity.
  void AddRow(double sign, double desired_velocity, double impulse_low, double impulse_high,
              btMultiBodyConstraintArray& rows, btMultiBodyJacobianData& data, double softness = 0);

 private:
  void UnitResponse(const double* jacobian, double* response, btMultiBodyJacobianData& data);

  const btMultiBodyLinkCollider* island_;
  JointSpaceInertia* inertia_;
  int velocity_index_;
};

// Drives the velocity to kp (target - q) / dt + v + kd (target velocity - v).
class JointMotor : public JointRow {
 public:
  using JointRow::JointRow;
  void SetTarget(double position, double velocity, double kp, double kd, double impulse_max);
  void createConstraintRows(btMultiBodyConstraintArray& rows, btMultiBodyJacobianData& data,
                            const btContactSolverInfo& solver) override;

 private:
  double target_position_ = 0;
  double target_velocity_ = 0;
  double kp_ = 0;
  double kd_ = 1;
  double impulse_max_ = 0;
};

// A torque of -damping x the velocity that it leads to (implicit Euler: stable for any
// damping and time step).
class JointDamping : public JointRow {
 public:
  // `damping` > 0, N.s/m or N.m.s/rad.
  JointDamping(btMultiBody* body, int link, const btMultiBodyLinkCollider* island,
               JointSpaceInertia* inertia, double damping);
  void createConstraintRows(btMultiBodyConstraintArray& rows, btMultiBodyJacobianData& data,
                            const btContactSolverInfo& solver) override;

 private:
  double damping_;
};

// Keeps low <= q <= high; adds a row only while one of them is reached.
class JointLimit : public JointRow {
 public:
  JointLimit(btMultiBody* body, int link, const btMultiBodyLinkCollider* island,
             JointSpaceInertia* inertia, double low, double high);
  void createConstraintRows(btMultiBodyConstraintArray& rows, btMultiBodyJacobianData& data,
                            const btContactSolverInfo& solver) override;

 private:
  double low_;
  double high_;
};

// For worlds whose multibody constraints are all JointRows.
class JointRowSolver : public btMultiBodyConstraintSolver {
 protected:
  // Groups without contacts take a loop that touches only what JointRows touch.
  btScalar solveGroupCacheFriendlyIterations(btCollisionObject** bodies, int num_bodies,
                                             btPersistentManifold** manifolds, int num_manifolds,
                                             btTypedConstraint** constraints, int num_constraints,
                                             const btContactSolverInfo& solver,
                                             btIDebugDraw* debug_drawer) override;

 private:
  // What the loop reads and writes of a row, close together.
  struct Row {
    double* delta;           // The solver's change of the body's velocities.  [size]
    const double* response;  // Of those to a unit impulse.  [size]
    int size;
    int index;    // Of the joint's own velocity in `delta`.
    double sign;  // The Jacobian's one element.
    double rhs;
    double inverse_mass;
    double mass;      // 1 / (inverse_mass + softness).
    double softness;  // Times mass.
    double low;
    double high;
    double impulse;
  };
  void SolveJointRows(const btContactSolverInfo& solver);

  std::vector<Row> rows_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_JOINT_ROWS_H_
