// Whether an arm may go on: it is verified that, to the end of a plan and at every instant, it is
// clear of wherever the human may then be, or that no point of it goes faster than the safe speed.
//
// The plan's time is bisected: a piece is done if the arm is slow enough on it
// (ArmReach::SpeedBound times the highest path speed), or if each capsule of the arm
// (ArmReach::Cover) is clear of each of the human's during the piece (HumanReach). What is clear of
// another in a piece is not looked at again in its halves. A piece of the last level that is
// neither fails the plan. For the human, a piece begins and ends with whole cycles: who follows the
// plan knows the states at their ends only, so in between the arm may be anywhere on the cycle's
// piece of the path. Thread safety: none. Only Create allocates.
#ifndef ARMATURE_ENVSERVER_SHIELD_SAFETY_CHECK_H_
#define ARMATURE_ENVSERVER_SHIELD_SAFETY_CHECK_H_

#include <cstdint>
#include <vector>

#include "envserver/shield/arm_model.h"
#include "envserver/shield/arm_reach.h"
#include "envserver/shield/human_model.h"
#include "envserver/shield/joint_trajectory.h"
#include "envserver/shield/path_profile.h"

namespace armature {

// One cycle of `first`, then `then`, from which on the path speed stays as it is at the end.
struct PathPlan {
  PathState At(double t) const { return t < cycle_s ? first.At(t) : then.At(t - cycle_s); }
  double MaxSpeed(double t0, double t1) const;
  double duration_s() const { return cycle_s + then.duration_s(); }

  const JointTrajectory* path = nullptr;
  double cycle_s = 0;
  PathProfile first;
  PathProfile then;
};

class SafetyCheck {
 public:
  // All must outlive it.
  SafetyCheck(const ArmModel* arm, const ArmReach* reach, const HumanModel* human,
              double safe_speed_m_s);

  // For a plan that begins now, with a measurement that is age_s old now.
  bool IsSafe(const PathPlan& plan, const HumanMeasurement& measurement);

 private:
  // Pieces of 1/16 of the plan: of about 10 ms for a stop from full speed.
  static constexpr int kLevels = 4;

  struct Pair {
    int16_t link;
    int16_t part;
  };
  struct Level {
    ArmNode middle;
    std::vector<Capsule> cover;
    std::vector<AxisBall> balls;  // About `cover`.
    std::vector<Pair> pairs;      // That are not clear of one another on the piece above.
  };

  // By the velocity's set, with balls; what it leaves open is HumanReach's.
  bool IsFar(Pair pair, const Level& level, double t1_s) const;
  bool IsPieceSafe(const PathPlan& plan, const HumanReach& human, double age_s, double t0,
                   const ArmNode& begin, double t1, const ArmNode& end, int level);

  const ArmModel& arm_;
  const ArmReach& reach_;
  const HumanModel& human_;
  const double safe_speed_m_s_;
  ArmNode begin_;
  ArmNode end_;
  std::vector<Pair> all_pairs_;
  std::vector<AxisBall> human_balls_;  // About the measured axes.
  std::vector<Level> levels_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SHIELD_SAFETY_CHECK_H_
