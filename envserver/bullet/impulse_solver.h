// Impulses of joints and contacts on a group of bodies in a time step, by projected Gauss-Seidel as
// in Bullet's btMultiBodyConstraintSolver: the same rows in the same order and the same stop, so
// the same result up to rounding.
//
// A row acts along a direction J of the bodies' velocities v. With d and c its aim and softness,
// its impulse p follows
//   J v + c p = d, or p is at its bound and J v + c p is beyond d.
// Method: x_i is the impulse that row i would need now, if it had no bounds. When row i takes
// clamp(x_i) in place of p_i, every other x_j changes by -b_ij times the difference, and x_i stays.
//   b_ij = J_i M^-1 J_j' / (J_j M^-1 J_j' + c_j)
// So a sweep touches no velocity, and its rows wait for each other as little as they can. A row
// comes as w = L'^-1 J' with M = L' L (TreeDynamics), so that b needs one product of two rows.
//
// Call order: (Clear AddBody* AddJointRow* (AddContactRow FinishContactRow)* Solve)*; joints first.
// Thread safety: none. Allocation: none, once there have been as many rows before.
// Units: N.s, or N.m.s for revolute joints; m/s, or rad/s.
#ifndef ARMATURE_ENVSERVER_BULLET_IMPULSE_SOLVER_H_
#define ARMATURE_ENVSERVER_BULLET_IMPULSE_SOLVER_H_

#include <vector>

#include "absl/types/span.h"

namespace armature {

class ImpulseSolver {
 public:
  // Couplings grow with the square of the rows.
  static constexpr int kMaxRows = 160;

  enum class Kind {
    kNormal,    // Pushes only.
    kSpinning,  // Friction against turning about the normal.
    kRolling,   // Two in turn, held to a circle: friction against turning across the normal.
    kFriction,  // Two in turn, held to a circle.
  };
  struct ContactRow {
    double rhs = 0;   // The impulse needed before any row acts.
    double mass = 0;  // 1 / (J M^-1 J' + softness).
    double friction = 0;
  };

  ImpulseSolver();

  void Clear();
  // Returns the body's number, from 0.
  int AddBody(int num_velocities);

  // `row`: w of the joint, filled up with zeros to whole blocks, valid until GetSum. `velocity`:
  // the joint's, before any row acts. Returns the row's number.
  int AddJointRow(int body, const double* row, double velocity, double sign, double aim, double low,
                  double high, double softness);

  // Begins a row between two bodies; -1: one that does not move. `rows`: w of each, zeros, to be
  // written before the next call. Frictions belong to the normal before them.
  void AddContactRow(Kind kind, int body_a, int body_b, double* (&rows)[2]);
  // Says the rest about the row that was begun last. Returns its number.
  int FinishContactRow(const ContactRow& row);

  void Solve(int iterations_max, double residual_max);

  // Of the last Solve.
  double impulse(int row) const { return impulse_[row]; }
  // Gets the sum of a body's rows times their impulses, which TreeDynamics::Unwhiten makes changes
  // of velocities.  [velocities of the body]
  void GetSum(int body, absl::Span<double> sum) const;

 private:
  struct JointRow {
    int body;
    const double* row;
    double sign;
  };
  struct Half {
    int body = -1;
    int at = 0;  // In values_.
  };
  struct Row {
    double inverse_mass;  // Change of the row's velocity from a unit impulse.
    double low;
    double high;
    double friction;
    int normal;  // Row of its contact's normal.
  };
  int AddRow(double mass, double needed);
  int MakeHalf(int body);
  void ComputeSlopes();
  // Of two contact rows: J_i M^-1 J_j'.
  double Coupling(int i, int j) const;
  // kBlocks: four rows each; 0: any number. Loops with fixed ends are faster.
  template <int kBlocks>
  void Sweeps(int iterations_max, double residual_max);
  template <int kBlocks>
  double Sweep(int iteration);
  // The next three return the square of the change of velocity. Changes what all rows need, by a
  // change of one row's impulse.
  template <int kBlocks>
  double Push(int row, double change);
  template <int kBlocks>
  double Settle(int row);
  template <int kBlocks>
  double SettleCone(int a, int b);
  void HoldToFriction(int row);

  int num_rows_ = 0;
  int num_joint_rows_ = 0;
  int stride_ = 0;          // num_rows_, filled up to a multiple of four.
  std::vector<int> sizes_;  // Velocities, by body.
  std::vector<JointRow> joints_;
  std::vector<Half> halves_;  // Two a contact row.
  std::vector<Row> rows_;     // [rows]
  std::vector<int> normals_, spinning_, rolling_, frictions_;
  std::vector<double> values_;   // Of contact rows.
  std::vector<double> mass_;     // [rows]
  std::vector<double> needed_;   // x.  [stride]
  std::vector<double> impulse_;  // p.  [rows]
  std::vector<double> slope_;    // b.  [rows, stride]
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_IMPULSE_SOLVER_H_
