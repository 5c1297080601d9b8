// Bullet's solver for worlds in which only multibodies move: btMultiBodyConstraintSolver with its
// sweeps in a loop over the data they need, close together in memory. The same rows in the same
// order and the same stop, so the same result up to rounding; but for contacts with restitution,
// which bounce in full (bounce.h).
//
// Thread safety: none, like its world. Allocation: none, once there have been as many rows before.
#ifndef ARMATURE_ENVSERVER_BULLET_ROW_SOLVER_H_
#define ARMATURE_ENVSERVER_BULLET_ROW_SOLVER_H_

#include <vector>

#include "BulletDynamics/Featherstone/btMultiBodyConstraintSolver.h"

namespace armature {

class RowSolver : public btMultiBodyConstraintSolver {
 protected:
  btScalar solveGroupCacheFriendlyIterations(btCollisionObject** bodies, int num_bodies,
                                             btPersistentManifold** manifolds, int num_manifolds,
                                             btTypedConstraint** constraints, int num_constraints,
                                             const btContactSolverInfo& solver,
                                             btIDebugDraw* debug_drawer) override;

 private:
  // What a row has to do with one body. Arrays are filled up with zeros to a multiple of four.
  struct Half {
    int size = 0;   // 0: none.
    int delta = 0;  // In delta_.
    int at = 0;     // In jacobian_ and response_.
  };
  struct Row {
    Half halves[2];
    int index = -1;  // A row of one joint: its velocity, in the first half. -1: any row.
    double sign = 0;
    double rhs = 0;
    double mass = 0;
    double inverse_mass = 0;
    double softness = 0;  // Times mass.
    double low = 0;
    double high = 0;
    double impulse = 0;
    double friction = 0;
    int normal = -1;  // Of a friction row: its contact's row, in normals_.
    const btMultiBodySolverConstraint* constraint = nullptr;
  };
  // A body's changes of velocity.
  struct Moved {
    btMultiBody* body;
    int bullet_delta;  // In Bullet's array.
    int delta;         // In delta_.
  };
  using Rows = std::vector<Row>;

  // Of Bullet's contacts; see bounce.h.
  void BounceInFullAll(const btContactSolverInfo& info);
  void Read(const btMultiBodyConstraintArray& constraints, bool of_joints, Rows* rows);
  void ReadHalf(btMultiBody* body, int bullet_delta, int bullet_at, Half* half);
  double Wanted(const Row& row) const;
  void Push(const Row& row, double change);
  // The next two return the square of the largest change of velocity.
  double Resolve(Row* row);
  double ResolveCone(Row* a, Row* b);
  double Sweep(int iteration);
  void WriteBack(const Rows& rows);

  Rows joints_, normals_, spinning_, rolling_, frictions_;
  std::vector<Moved> moved_;
  std::vector<double> delta_, before_, jacobian_, response_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_ROW_SOLVER_H_
