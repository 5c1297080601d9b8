#include "envserver/bullet/impulse_solver.h"

#include <algorithm>
#include <limits>

#include "envserver/bullet/row_arithmetic.h"

namespace armature {
namespace {

constexpr int kRowsReserved = 64;
constexpr int kNumbersReserved = 1024;

}  // namespace

ImpulseSolver::ImpulseSolver() {
  joints_.reserve(kRowsReserved);
  halves_.reserve(2 * kRowsReserved);
  rows_.reserve(kRowsReserved);
  for (std::vector<int>* rows : {&sizes_, &normals_, &spinning_, &rolling_, &frictions_}) {
    rows->reserve(kRowsReserved);
  }
  for (std::vector<double>* values : {&mass_, &needed_, &impulse_}) values->reserve(kRowsReserved);
  for (std::vector<double>* values : {&values_, &slope_}) values->reserve(kNumbersReserved);
}

void ImpulseSolver::Clear() {
  num_rows_ = num_joint_rows_ = 0;
  joints_.clear();
  halves_.clear();
  rows_.clear();
  for (std::vector<int>* rows : {&sizes_, &normals_, &spinning_, &rolling_, &frictions_}) {
    rows->clear();
  }
  for (std::vector<double>* values : {&mass_, &needed_, &impulse_, &values_}) values->clear();
}

int ImpulseSolver::AddBody(int num_velocities) {
  sizes_.push_back(num_velocities);
  return static_cast<int>(sizes_.size()) - 1;
}

int ImpulseSolver::AddRow(double mass, double needed) {
  mass_.push_back(mass);
  needed_.push_back(needed);
  impulse_.push_back(0);
  return num_rows_++;
}

int ImpulseSolver::AddJointRow(int body, const double* row, double velocity, double sign,
                               double aim, double low, double high, double softness) {
  const double inverse_mass = Dot(row, row, Filled(sizes_[body]));
  const double sum = inverse_mass + softness;
  const double mass = sum > std::numeric_limits<double>::epsilon() ? 1 / sum : 0;
  joints_.push_back({body, row, sign});
  rows_.push_back({inverse_mass, low, high, 0, -1});
  ++num_joint_rows_;
  return AddRow(mass, (aim - sign * velocity) * mass);
}

int ImpulseSolver::MakeHalf(int body) {
  const int at = static_cast<int>(values_.size());
  halves_.push_back({body, at});
  if (body >= 0) values_.resize(at + Filled(sizes_[body]), 0.0);
  return at;
}

void ImpulseSolver::AddContactRow(Kind kind, int body_a, int body_b, double* (&rows)[2]) {
  const int at[2] = {MakeHalf(body_a), MakeHalf(body_b)};
  for (int i = 0; i < 2; ++i) rows[i] = values_.data() + at[i];
  if (kind == Kind::kNormal) normals_.push_back(num_rows_);
  if (kind == Kind::kSpinning) spinning_.push_back(num_rows_);
  if (kind == Kind::kRolling) rolling_.push_back(num_rows_);
  if (kind == Kind::kFriction) frictions_.push_back(num_rows_);
}

int ImpulseSolver::FinishContactRow(const ContactRow& row) {
  constexpr double kNormalMax = 1e10;  // Bullet's.
  const bool is_normal = normals_.back() == num_rows_;
  rows_.push_back({row.mass > 0 ? 1 / row.mass : 0, is_normal ? 0 : -row.friction,
                   is_normal ? kNormalMax : row.friction, row.friction, normals_.back()});
  return AddRow(row.mass, row.rhs);
}

double ImpulseSolver::Coupling(int i, int j) const {
  double sum = 0;
  const Half* const of_i = &halves_[2 * (i - num_joint_rows_)];
  const Half* const of_j = &halves_[2 * (j - num_joint_rows_)];
  for (int a = 0; a < 2; ++a) {
    if (of_i[a].body < 0) continue;
    for (int b = 0; b < 2; ++b) {
      if (of_i[a].body != of_j[b].body) continue;
      sum += Dot(&values_[of_i[a].at], &values_[of_j[b].at], Filled(sizes_[of_i[a].body]));
    }
  }
  return sum;
}

void ImpulseSolver::ComputeSlopes() {
  stride_ = Filled(num_rows_);
  needed_.resize(stride_, 0.0);
  slope_.assign(num_rows_ * stride_, 0.0);
  const auto set = [this](int i, int j, double coupling) {
    slope_[i * stride_ + j] = mass_[j] * coupling;
    slope_[j * stride_ + i] = mass_[i] * coupling;
  };
  for (int i = 0; i < num_joint_rows_; ++i) {
    const JointRow& a = joints_[i];
    for (int j = i + 1; j < num_joint_rows_; ++j) {
      const JointRow& b = joints_[j];
      if (a.body != b.body) continue;
      set(i, j, a.sign * b.sign * Dot(a.row, b.row, Filled(sizes_[a.body])));
    }
  }
  for (int j = num_joint_rows_; j < num_rows_; ++j) {
    const Half* const halves = &halves_[2 * (j - num_joint_rows_)];
    for (int i = 0; i < num_joint_rows_; ++i) {
      const JointRow& joint = joints_[i];
      double coupling = 0;
      for (int k = 0; k < 2; ++k) {
        if (halves[k].body != joint.body) continue;
        coupling += Dot(joint.row, &values_[halves[k].at], Filled(sizes_[joint.body]));
      }
      set(i, j, joint.sign * coupling);
    }
    for (int i = num_joint_rows_; i < j; ++i) set(i, j, Coupling(i, j));
  }
}

template <int kBlocks>
inline double ImpulseSolver::Push(int row, double change) {
  double* const x = needed_.data();
  const double* const slope = &slope_[row * stride_];
  const int size = kBlocks == 0 ? stride_ : kBlocks * kBlock;
  for (int k = 0; k < size; k += kBlock) {
#pragma GCC unroll 4
    for (int i = 0; i < kBlock; ++i) x[k + i] -= slope[k + i] * change;
  }
  const double velocity = change * rows_[row].inverse_mass;
  return velocity * velocity;
}

template <int kBlocks>
inline double ImpulseSolver::Settle(int row) {
  const double impulse = std::min(std::max(needed_[row], rows_[row].low), rows_[row].high);
  const double change = impulse - impulse_[row];
  if (change == 0) return 0;
  impulse_[row] = impulse;
  return Push<kBlocks>(row, change);
}

template <int kBlocks>
inline double ImpulseSolver::SettleCone(int a, int b) {
  double* const x = needed_.data();
  double wanted_a = x[a], wanted_b = x[b];
  HoldToCircle(rows_[a].low, rows_[b].low, &wanted_a, &wanted_b);
  const double change_a = wanted_a - impulse_[a];
  const double change_b = wanted_b - impulse_[b];
  if (change_a == 0 && change_b == 0) return 0;
  impulse_[a] = wanted_a;
  impulse_[b] = wanted_b;
  const double* const slope_a = &slope_[a * stride_];
  const double* const slope_b = &slope_[b * stride_];
  const int size = kBlocks == 0 ? stride_ : kBlocks * kBlock;
  for (int k = 0; k < size; k += kBlock) {
#pragma GCC unroll 4
    for (int i = 0; i < kBlock; ++i) {
      x[k + i] -= slope_a[k + i] * change_a + slope_b[k + i] * change_b;
    }
  }
  const double velocity = change_a * rows_[a].inverse_mass + change_b * rows_[b].inverse_mass;
  return velocity * velocity;
}

void ImpulseSolver::HoldToFriction(int row) {
  Row& own = rows_[row];
  own.high = own.friction * impulse_[own.normal];
  own.low = -own.high;
}

template <int kBlocks>
double ImpulseSolver::Sweep(int iteration) {
  double residual = 0;
  // Settles rows one after the other. What the next row needs is computed apart from the rest, so
  // that it waits for four operations and not for memory.
  const auto settle = [&](int count, auto row_at) {
    if (count == 0) return;
    int row = row_at(0);
    double wanted = needed_[row];
    for (int k = 1; k <= count; ++k) {
      const int next = k < count ? row_at(k) : row;
      const double impulse = std::min(std::max(wanted, rows_[row].low), rows_[row].high);
      const double change = impulse - impulse_[row];
      wanted = needed_[next] - slope_[row * stride_ + next] * change;
      impulse_[row] = impulse;
      if (change != 0) residual = std::max(residual, Push<kBlocks>(row, change));
      row = next;
    }
  };
  // Forwards and backwards in turn, as Bullet.
  const bool forwards = iteration % 2 == 1;
  settle(num_joint_rows_, [&](int k) { return forwards ? k : num_joint_rows_ - 1 - k; });
  settle(static_cast<int>(normals_.size()), [&](int k) { return normals_[k]; });
  for (int row : spinning_) {
    if (impulse_[rows_[row].normal] <= 0) continue;
    HoldToFriction(row);
    residual = std::max(residual, Settle<kBlocks>(row));
  }
  for (size_t i = 0; i < rolling_.size(); i += 2) {
    const int a = rolling_[i], b = rolling_[i + 1];
    if (impulse_[rows_[a].normal] <= 0) continue;
    HoldToFriction(a);
    HoldToFriction(b);
    residual = std::max(residual, SettleCone<kBlocks>(a, b));
  }
  for (size_t i = 0; i < frictions_.size(); i += 2) {
    const int a = frictions_[i], b = frictions_[i + 1];
    HoldToFriction(a);
    HoldToFriction(b);
    residual = std::max(residual, SettleCone<kBlocks>(a, b));
  }
  return residual;
}

template <int kBlocks>
void ImpulseSolver::Sweeps(int iterations_max, double residual_max) {
  for (int iteration = 0; iteration < iterations_max; ++iteration) {
    if (Sweep<kBlocks>(iteration) <= residual_max) return;
  }
}

void ImpulseSolver::Solve(int iterations_max, double residual_max) {
  ComputeSlopes();
  switch (stride_ / kBlock) {
    case 0:
      return;
    case 1:
      return Sweeps<1>(iterations_max, residual_max);
    case 2:
      return Sweeps<2>(iterations_max, residual_max);
    case 3:
      return Sweeps<3>(iterations_max, residual_max);
    case 4:
      return Sweeps<4>(iterations_max, residual_max);
    case 5:
      return Sweeps<5>(iterations_max, residual_max);
    case 6:
      return Sweeps<6>(iterations_max, residual_max);
    default:
      return Sweeps<0>(iterations_max, residual_max);
  }
}

void ImpulseSolver::GetSum(int body, absl::Span<double> sum) const {
  std::fill(sum.begin(), sum.end(), 0.0);
  const auto add = [&](const double* row, double impulse) {
    for (size_t k = 0; k < sum.size(); ++k) sum[k] += row[k] * impulse;
  };
  for (int i = 0; i < num_joint_rows_; ++i) {
    if (joints_[i].body == body) add(joints_[i].row, joints_[i].sign * impulse_[i]);
  }
  for (size_t h = 0; h < halves_.size(); ++h) {
    if (halves_[h].body == body) add(&values_[halves_[h].at], impulse_[num_joint_rows_ + h / 2]);
  }
}

}  // namespace armature
