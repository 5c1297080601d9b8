// Impulses of motors, limits, damping and friction on the joints of one body in a time step, by
// projected Gauss-Seidel as in Bullet's btMultiBodyConstraintSolver: the same rows in the same
// order and the same stop, so the same result up to rounding.
//
// A row acts on one joint. With v the joint's velocity, s the row's sign, and d, c its aim and
// softness, its impulse p follows
//   s v + c p = d, or p is at its bound and s v + c p is beyond d.
// Method: x_i is the impulse that row i would need now, if it had no bounds. When row i takes
// clamp(x_i) in place of p_i, every other x_j changes by -b_ji times the difference, and x_i stays.
//
// Call order: (Clear AddRow* Solve)*
// Thread safety: none. Allocation: none.
// Units: N.s, or N.m.s for revolute joints; m/s, or rad/s.
#ifndef ARMATURE_ENVSERVER_BULLET_JOINT_IMPULSES_H_
#define ARMATURE_ENVSERVER_BULLET_JOINT_IMPULSES_H_

#include <array>

#include "absl/types/span.h"

namespace armature {

class JointImpulses {
 public:
  static constexpr int kMaxRows = 48;

  void Clear() { num_rows_ = 0; }
  // `response`: changes of all velocities from a unit impulse at the joint, valid until Solve.
  // [dofs]. `velocity`: the joint's, before any row acts. Returns the row's number.
  int AddRow(int dof, const double* response, double velocity, double sign, double aim, double low,
             double high, double softness);
  void Solve(int iterations_max, double residual_max);

  // Of the last Solve.
  double impulse(int row) const { return impulse_[row]; }
  // Adds the rows' changes of velocity to `velocities`.  [dofs]
  void AddVelocityChange(absl::Span<double> velocities) const;

 private:
  struct Row {
    int dof;
    const double* response;
    double sign;
    double mass;          // 1 / (inverse_mass + softness).
    double inverse_mass;  // Change of the joint's velocity from a unit impulse.
    double low;
    double high;
  };
  template <int kRows>
  void SolveRows(int iterations_max, double residual_max);

  int num_rows_ = 0;
  std::array<Row, kMaxRows> rows_;
  alignas(16) std::array<double, kMaxRows> needed_;                       // x.
  alignas(16) std::array<double, kMaxRows> impulse_;                      // p.
  alignas(16) std::array<std::array<double, kMaxRows>, kMaxRows> slope_;  // slope_[i][j] = b_ji.
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_JOINT_IMPULSES_H_
