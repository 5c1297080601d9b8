#include "envserver/shield/safety_check.h"

#include <algorithm>
#include <cmath>

namespace armature {
namespace {

constexpr double kRounding = 1e-6;  // Of a cycle.

}  // namespace

double PathPlan::MaxSpeed(double t0, double t1) const {
  double speed = 0;
  if (t0 < cycle_s) speed = first.MaxSpeed(t0, std::min(t1, cycle_s));
  if (t1 < cycle_s) return speed;
  return std::max(speed, then.MaxSpeed(std::max(0.0, t0 - cycle_s), t1 - cycle_s));
}

SafetyCheck::SafetyCheck(const ArmModel* arm, const ArmReach* reach, const HumanModel* human,
                         double safe_speed_m_s)
    : arm_(*arm), reach_(*reach), human_(*human), safe_speed_m_s_(safe_speed_m_s), begin_(*arm), end_(*arm) {
  const int num_parts = static_cast<int>(human->capsules.size());
  for (int link = 0; link < arm_.num_capsules(); ++link) {
    for (int part = 0; part < num_parts; ++part) {
      all_pairs_.push_back({static_cast<int16_t>(link), static_cast<int16_t>(part)});
    }
  }
  for (int i = 0; i <= kLevels; ++i) {
    levels_.push_back({ArmNode(arm_), std::vector<Capsule>(arm_.num_capsules()), all_pairs_});
  }
}

bool SafetyCheck::IsSafe(const PathPlan& plan, const HumanMeasurement& measurement) {
  const HumanReach human(&human_, &measurement);
  reach_.Place(*plan.path, plan.At(0).s, begin_);
  reach_.Place(*plan.path, plan.At(plan.duration_s()).s, end_);
  return IsPieceSafe(plan, human, measurement.age_s, 0, begin_, plan.duration_s(), end_, 0);
}

bool SafetyCheck::IsPieceSafe(const PathPlan& plan, const HumanReach& human, double age_s,
                              double t0, const ArmNode& begin, double t1, const ArmNode& end,
                              int level) {
  if (begin.s >= plan.path->duration_s()) return true;  // At rest at the goal.
  // Whole cycles: within one, where on its piece the arm is may differ from the plan.
  const double from_s = std::floor(t0 / plan.cycle_s + kRounding) * plan.cycle_s;
  const double to_s = std::ceil(t1 / plan.cycle_s - kRounding) * plan.cycle_s;
  if (reach_.SpeedBound(begin, end) * plan.MaxSpeed(from_s, to_s) <= safe_speed_m_s_) return true;
  Level& here = levels_[level];
  reach_.Cover(begin, end, here.cover);
  const std::vector<Pair>& candidates = level == 0 ? all_pairs_ : levels_[level - 1].pairs;
  here.pairs.clear();
  for (const Pair pair : candidates) {
    if (!human.IsClear(pair.part, here.cover[pair.link], age_s + from_s, age_s + to_s)) {
      here.pairs.push_back(pair);
    }
  }
  if (here.pairs.empty()) return true;
  if (level == kLevels) return false;
  const double middle_s = (t0 + t1) / 2;
  reach_.Place(*plan.path, plan.At(middle_s).s, here.middle);
  return IsPieceSafe(plan, human, age_s, t0, begin, middle_s, here.middle, level + 1) &&
         IsPieceSafe(plan, human, age_s, middle_s, here.middle, t1, end, level + 1);
}

}  // namespace armature
