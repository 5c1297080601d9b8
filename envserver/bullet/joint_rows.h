// Motors and limits of single joints as solver rows. Same results as Bullet's btMultiBodyJointMotor
// and btMultiBodyJointLimitConstraint, without their work for a second body and for a Jacobian with
// a single non-zero element.
// A body that steps without Bullet gives the same motors and limits to ImpulseSolver.
//
// Thread safety: none, like their world.
#ifndef ARMATURE_ENVSERVER_BULLET_JOINT_ROWS_H_
#define ARMATURE_ENVSERVER_BULLET_JOINT_ROWS_H_

#include "BulletDynamics/Featherstone/btMultiBody.h"
#include "BulletDynamics/Featherstone/btMultiBodyConstraint.h"
#include "BulletDynamics/Featherstone/btMultiBodyLinkCollider.h"

namespace armature {

class ImpulseSolver;
class TreeDynamics;

// One solver row that acts on the joint of `link`; the joint has one DoF.
class JointRow : public btMultiBodyConstraint {
 public:
  // `island` is a non-static collider of the body; it tells Bullet which island the row belongs to.
  // `tree` is the body's; null uses Bullet's own computation. Both must outlive this.
  JointRow(btMultiBody* body, int link, const btMultiBodyLinkCollider* island, TreeDynamics* tree);

  int getIslandIdA() const override { return island_->getIslandTag(); }
  int getIslandIdB() const override { return -1; }
  void finalizeMultiDof() override {}
  void debugDraw(btIDebugDraw*) override {}

  // Index of the joint's velocity in the body's velocity vector.
  int velocity_index() const { return velocity_index_; }
  // Impulse of the last step.
  double impulse() const { return m_data[0]; }
  void set_impulse(double impulse) { m_data[0] = impulse; }

  // Whether it acts on one joint only.
  virtual bool has_one_joint() const { return true; }

  // Adds to `solver` the rows that createConstraintRows would add. Needs the tree. `body`: the
  // body's number in the solver.
  virtual void AddTo(const btContactSolverInfo& info, int body, ImpulseSolver* solver) = 0;

 protected:
  double position() const { return m_bodyA->getJointPos(m_linkA); }
  double velocity() const { return m_bodyA->getJointVel(m_linkA); }
  // Adds a row that drives `sign` times the joint's velocity v to `desired_velocity` with an
  // impulse p in [impulse_low, impulse_high]. A soft row gives way: sign v + softness p =
  // desired_velocity.
  void AddRow(double sign, double desired_velocity, double impulse_low, double impulse_high,
              btMultiBodyConstraintArray& rows, btMultiBodyJacobianData& data, double softness = 0);
  // Returns the row's number.
  int AddRow(double sign, double desired_velocity, double impulse_low, double impulse_high,
             int body, ImpulseSolver* solver, double softness = 0) const;

 private:
  void UnitResponse(const double* jacobian, double* response, btMultiBodyJacobianData& data);

  const btMultiBodyLinkCollider* island_;
  TreeDynamics* tree_;
  int velocity_index_;
};

// Drives the velocity to kp (target - q) / dt + v + kd (target velocity - v).
class JointMotor : public JointRow {
 public:
  using JointRow::JointRow;
  void SetTarget(double position, double velocity, double kp, double kd, double impulse_max);
  void createConstraintRows(btMultiBodyConstraintArray& rows, btMultiBodyJacobianData& data,
                            const btContactSolverInfo& solver) override;
  void AddTo(const btContactSolverInfo& info, int body, ImpulseSolver* solver) override;
  // Takes its impulse from what AddTo was given, solved.
  void ReadImpulse(const ImpulseSolver& solver);

 private:
  double Aim(double time_step_s) const;

  int row_ = -1;  // Of the last AddTo; -1: none.
  double target_position_ = 0;
  double target_velocity_ = 0;
  double kp_ = 0;
  double kd_ = 1;
  double impulse_max_ = 0;
};

// Applies a torque of -damping x the resulting velocity (implicit Euler: stable for any damping and
// time step).
class JointDamping : public JointRow {
 public:
  // `damping` > 0, N.s/m or N.m.s/rad.
  JointDamping(btMultiBody* body, int link, const btMultiBodyLinkCollider* island,
               TreeDynamics* tree, double damping);
  void createConstraintRows(btMultiBodyConstraintArray& rows, btMultiBodyJacobianData& data,
                            const btContactSolverInfo& solver) override;
  void AddTo(const btContactSolverInfo& info, int body, ImpulseSolver* solver) override;

 private:
  double damping_;
};

// Keeps low <= q <= high; adds a row only while q is at one of them.
class JointLimit : public JointRow {
 public:
  JointLimit(btMultiBody* body, int link, const btMultiBodyLinkCollider* island, TreeDynamics* tree,
             double low, double high);
  void createConstraintRows(btMultiBodyConstraintArray& rows, btMultiBodyJacobianData& data,
                            const btContactSolverInfo& solver) override;
  void AddTo(const btContactSolverInfo& info, int body, ImpulseSolver* solver) override;

 private:
  // Calls add_row(sign, aim) for each of the two limits that the joint has reached.
  template <typename Add>
  void ForReached(const btContactSolverInfo& solver, Add add_row) const;

  double low_;
  double high_;
};

// Keeps q = multiplier x (position of another joint of the body) + offset, by impulses on both.
class JointCoupling : public JointRow {
 public:
  JointCoupling(btMultiBody* body, int link, const btMultiBodyLinkCollider* island,
                TreeDynamics* tree, int other_link, double multiplier, double offset);
  void createConstraintRows(btMultiBodyConstraintArray& rows, btMultiBodyJacobianData& data,
                            const btContactSolverInfo& solver) override;
  bool has_one_joint() const override { return false; }
  // It has none for single joints; its body steps with Bullet.
  void AddTo(const btContactSolverInfo&, int, ImpulseSolver*) override {}

 private:
  int other_link_;
  int other_index_;  // Of the other joint's velocity.
  double multiplier_;
  double offset_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_JOINT_ROWS_H_
