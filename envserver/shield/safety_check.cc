#include "envserver/shield/safety_check.h"

#include <algorithm>
#include <cmath>
#include <utility>

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
    : arm_(*arm),
      reach_(*reach),
      human_(*human),
      safe_speed_m_s_(safe_speed_m_s),
      begin_(*arm),
      end_(*arm) {
  const int num_parts = static_cast<int>(human->capsules.size());
  for (int link = 0; link < arm_.num_capsules(); ++link) {
    for (int part = 0; part < num_parts; ++part) {
      all_pairs_.push_back({static_cast<int16_t>(link), static_cast<int16_t>(part)});
    }
  }
  for (int i = 0; i <= kLevels; ++i) {
    Level level = {ArmNode(arm_), std::vector<Capsule>(arm_.num_capsules()), {}, all_pairs_};
    level.balls.reserve(arm_.num_capsules());
    levels_.push_back(std::move(level));
  }
  human_balls_.reserve(num_parts);
}

bool SafetyCheck::IsSafe(const PathPlan& plan, const HumanMeasurement& measurement) {
  const HumanReach human(&human_, &measurement);
  human_balls_.clear();
  for (const HumanCapsule& part : human_.capsules) {
    human_balls_.emplace_back(
        Capsule{measurement.position[part.joint_a], measurement.position[part.joint_b], 0});
  }
  reach_.Place(*plan.path, plan.At(0).s, begin_);
  reach_.Place(*plan.path, plan.At(plan.duration_s()).s, end_);
  return IsPieceSafe(plan, human, measurement.age_s, 0, begin_, plan.duration_s(), end_, 0);
}

bool SafetyCheck::IsFar(Pair pair, const Level& level, double t1_s) const {
  const AxisBall& link = level.balls[pair.link];
  const AxisBall& part = human_balls_[pair.part];
  const double reach = link.radius + level.cover[pair.link].radius + part.radius +
                       human_.VelocityRadius(pair.part, t1_s);
  return (link.centre - part.centre).squaredNorm() > reach * reach;
}

bool SafetyCheck::IsPieceSafe(const PathPlan& plan, const HumanReach& human, double age_s,
                              double t0, const ArmNode& begin, double t1, const ArmNode& end,
                              int level) {
  if (begin.s >= plan.path->duration_s()) return true;  // At rest at the goal.
  // Whole cycles: within one, where on its piece the arm is may differ from the plan.
  const double from_s = std::floor(t0 / plan.cycle_s + kRounding) * plan.cycle_s;
  const double to_s = std::ceil(t1 / plan.cycle_s - kRounding) * plan.cycle_s;
  const double fastest_m_s =
      reach_.SpeedBound(begin.state, end.state, end.s - begin.s) * plan.MaxSpeed(from_s, to_s);
  if (fastest_m_s <= safe_speed_m_s_) return true;
  Level& here = levels_[level];
  reach_.Cover(begin, end, here.cover);
  const std::vector<Pair>& candidates = level == 0 ? all_pairs_ : levels_[level - 1].pairs;
  here.balls.clear();
  for (const Capsule& link : here.cover) here.balls.emplace_back(link);
  here.pairs.clear();
  for (const Pair pair : candidates) {
    if (IsFar(pair, here, age_s + to_s)) continue;
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
