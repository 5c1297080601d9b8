#include "envserver/bullet/joint_impulses.h"

#include <algorithm>
#include <limits>

namespace armature {

int JointImpulses::AddRow(int dof, const double* response, double velocity, double sign, double aim,
                          double low, double high, double softness) {
  const double inverse_mass = response[dof];
  const double sum = inverse_mass + softness;
  const double mass = sum > std::numeric_limits<double>::epsilon() ? 1 / sum : 0;
  rows_[num_rows_] = {dof, response, sign, mass, inverse_mass, low, high};
  needed_[num_rows_] = (aim - sign * velocity) * mass;
  impulse_[num_rows_] = 0;
  return num_rows_++;
}

// The number of rows is rounded up to kRows, so that loops have fixed ends.
template <int kRows>
void JointImpulses::SolveRows(int iterations_max, double residual_max) {
  double* const x = needed_.data();
  for (int iteration = 0; iteration < iterations_max; ++iteration) {
    double residual = 0;
    for (int k = 0; k < num_rows_; ++k) {
      // Forwards and backwards in turn, as Bullet.
      const int i = iteration % 2 == 1 ? k : num_rows_ - 1 - k;
      const double impulse = std::min(std::max(x[i], rows_[i].low), rows_[i].high);
      const double change = impulse - impulse_[i];
      impulse_[i] = impulse;
      const double* const slope = slope_[i].data();
#pragma GCC unroll 12
      for (int j = 0; j < kRows; ++j) x[j] -= slope[j] * change;
      const double velocity = change * rows_[i].inverse_mass;
      residual = std::max(residual, velocity * velocity);
    }
    if (residual <= residual_max) return;
  }
}

void JointImpulses::Solve(int iterations_max, double residual_max) {
  // Rows that do not exist.
  const int padded = num_rows_ <= 12 ? 12 : (num_rows_ <= 24 ? 24 : kMaxRows);
  for (int i = num_rows_; i < padded; ++i) needed_[i] = 0;
  for (int i = 0; i < num_rows_; ++i) {
    const Row& from = rows_[i];
    for (int j = 0; j < num_rows_; ++j) {
      const Row& to = rows_[j];
      slope_[i][j] = to.mass * to.sign * from.sign * from.response[to.dof];
    }
    slope_[i][i] = 0;
    for (int j = num_rows_; j < padded; ++j) slope_[i][j] = 0;
  }
  if (num_rows_ <= 4) {
    SolveRows<4>(iterations_max, residual_max);
  } else if (num_rows_ <= 8) {
    SolveRows<8>(iterations_max, residual_max);
  } else if (num_rows_ <= 10) {
    SolveRows<10>(iterations_max, residual_max);
  } else if (num_rows_ <= 12) {
    SolveRows<12>(iterations_max, residual_max);
  } else if (num_rows_ <= 24) {
    SolveRows<24>(iterations_max, residual_max);
  } else {
    SolveRows<kMaxRows>(iterations_max, residual_max);
  }
}

void JointImpulses::AddVelocityChange(absl::Span<double> velocities) const {
  for (int i = 0; i < num_rows_; ++i) {
    const double impulse = rows_[i].sign * impulse_[i];
    for (size_t k = 0; k < velocities.size(); ++k) {
      velocities[k] += rows_[i].response[k] * impulse;
    }
  }
}

}  // namespace armature
