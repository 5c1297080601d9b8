#include "envserver/shield/testing/closed_loop.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "common/random/rng.h"
#include "envserver/shield/schunk_arm.h"
#include "envserver/shield/testing/bounded_human.h"
#include "envserver/shield/testing/random_paths.h"

namespace armature {
namespace {

constexpr int kInstants = 4;     // A cycle.
constexpr int kGoalCycles = 25;  // 10 goals a second.

// A whole number of instants.
double Age(const ClosedLoop& loop, Rng& rng) {
  const double instant_s = loop.options.cycle_s / kInstants;
  return instant_s * rng.Index(1 + std::lround(loop.age_max_s / instant_s));
}

// The quintic through both states: where a tracking controller would have the arm in between.
JointState Between(const JointState& from, const JointState& to, double dt, double t) {
  const double u = t / dt;
  const JointVector p0 = from.position;
  const JointVector d = to.position - p0 - dt * from.velocity - dt * dt / 2 * from.acceleration;
  const JointVector dv = dt * (to.velocity - from.velocity - dt * from.acceleration);
  const JointVector da = dt * dt * (to.acceleration - from.acceleration);
  const JointVector c3 = 10 * d - 4 * dv + da / 2;
  const JointVector c4 = -15 * d + 7 * dv - da;
  const JointVector c5 = 6 * d - 3 * dv + da / 2;
  JointState state;
  state.position =
      p0 + t * from.velocity + t * t / 2 * from.acceleration + u * u * u * (c3 + u * (c4 + u * c5));
  state.velocity =
      from.velocity + t * from.acceleration + u * u * (3 * c3 + u * (4 * c4 + u * 5 * c5)) / dt;
  return state;
}

bool Touch(const std::vector<Capsule>& arm, const std::vector<Capsule>& body, double margin) {
  for (const Capsule& link : arm) {
    for (const Capsule& part : body) {
      if (Gap(link, part) < margin) return true;
    }
  }
  return false;
}

// The speed of the fastest point of the arm's skin, from above by little.
double FastestPoint(const ArmModel& arm, const JointState& state) {
  constexpr double kDt = 1e-6;
  std::vector<Capsule> now(arm.num_capsules()), soon(arm.num_capsules());
  arm.Place(state.position, now);
  arm.Place(state.position + kDt * state.velocity, soon);
  double fastest = 0;
  for (int c = 0; c < arm.num_capsules(); ++c) {
    double turning = 0;
    for (int j = 0; j <= arm.capsules()[c].joint; ++j) turning += std::abs(state.velocity[j]);
    const double ends = std::max((soon[c].a - now[c].a).norm(), (soon[c].b - now[c].b).norm());
    fastest = std::max(fastest, ends / kDt + turning * now[c].radius);
  }
  return fastest;
}

void CompareStates(const ShieldOptions& options, const JointState& last, const JointState& now,
                   ClosedLoopResult& result) {
  const double dt = options.cycle_s;
  const auto most = [](const JointVector& v) { return v.cwiseAbs().maxCoeff(); };
  result.velocity = std::max({result.velocity, most(now.velocity) / options.path.velocity,
                              most(now.position - last.position) / dt / options.path.velocity});
  result.acceleration =
      std::max({result.acceleration, most(now.acceleration) / options.acceleration_allowed_rad_s2,
                most(now.velocity - last.velocity) / dt / options.acceleration_allowed_rad_s2});
  result.jerk = std::max(
      result.jerk, most(now.acceleration - last.acceleration) / dt / options.jerk_allowed_rad_s3);
  const JointVector way = dt * (now.velocity + last.velocity) / 2 -
                          dt * dt * (now.acceleration - last.acceleration) / 12;
  result.inconsistency_rad =
      std::max(result.inconsistency_rad, most(now.position - last.position - way));
  const JointVector change =
      now.velocity - last.velocity - dt / 2 * (now.acceleration + last.acceleration);
  result.inconsistency =
      std::max(result.inconsistency, most(change) / (options.jerk_allowed_rad_s3 * dt * dt / 4));
  result.way_rad += (now.position - last.position).cwiseAbs().sum();
}

}  // namespace

ClosedLoopResult Run(const ClosedLoop& loop, uint64_t seed) {
  Rng rng({seed});
  const ArmModel arm = SchunkArm();
  HumanModel known = loop.human;
  if (loop.is_shield_blind) known = HumanModel();
  std::vector<Capsule> links(arm.num_capsules());
  // The human begins clear of the arm.
  const double bearing = rng.Uniform(-3.14, 3.14);
  BoundedHuman human(loop.human, loop.body_share,
                     Eigen::Vector3d(std::cos(bearing), std::sin(bearing), 0) * 1.6 +
                         Eigen::Vector3d(0, 0, rng.Uniform(-0.6, 0)),
                     &rng);
  auto shield =
      Shield::Create(loop.options, arm, known, JointVector::Zero(arm.num_joints())).value();
  ClosedLoopResult result;
  JointState last = shield->desired();
  for (int cycle = 0; cycle < loop.cycles; ++cycle) {
    if (cycle % kGoalCycles == 0) {
      // As a policy's: not far from where the arm is, or anywhere.
      JointVector goal = RandomPosition(arm, rng);
      if (rng.Index(2) == 0) goal = last.position + (goal - last.position) * 0.1;
      shield->SetGoal(goal).IgnoreError();
    }
    HumanMeasurement measurement = human.Measure(Age(loop, rng));
    if (!loop.has_velocity) measurement.velocity = {};
    const HumanMeasurement none;
    const HumanMeasurement* told = loop.is_shield_blind ? &none : &measurement;
    if (rng.Uniform(0, 1) < loop.missing) told = nullptr;
    const ShieldStep step = shield->Step(told);
    result.interventions += step.intervened ? 1 : 0;
    CompareStates(loop.options, last, step.desired, result);
    for (int i = 1; i <= kInstants; ++i) {
      const double t = loop.options.cycle_s * i / kInstants;
      const JointState now = Between(last, step.desired, loop.options.cycle_s, t);
      arm.Place(now.position, links);
      human.Step(loop.options.cycle_s / kInstants, links);
      ++result.instants;
      if (!Touch(links, human.Body(), loop.options.secure_radius_m)) continue;
      ++result.contacts;
      result.moving_contacts += now.velocity.cwiseAbs().maxCoeff() > 1e-9 ? 1 : 0;
      const double fastest = FastestPoint(arm, now);
      result.fast_contacts += fastest > loop.options.safe_speed_m_s + 1e-6 ? 1 : 0;
    }
    last = step.desired;
  }
  result.implausible = shield->steps(ShieldCause::kImplausible);
  return result;
}

}  // namespace armature
