// A human that keeps the bounds of HumanModel and means harm: it runs and reaches straight at the
// arm.
//
// The body moves as a whole, at `body_share` of speed and acceleration; what is left is its arms',
// whose hands go straight at a point with a minimum-jerk profile. Each picks anew, at random, what
// to do: go at the arm, away from it, anywhere, or stop. Also the tracker: old measurements with
// the largest errors that the model allows, and random delay.
#ifndef ARMATURE_ENVSERVER_SHIELD_TESTING_BOUNDED_HUMAN_H_
#define ARMATURE_ENVSERVER_SHIELD_TESTING_BOUNDED_HUMAN_H_

#include <deque>
#include <vector>

#include "Eigen/Core"
#include "absl/types/span.h"
#include "common/random/rng.h"
#include "envserver/shield/capsule.h"
#include "envserver/shield/human_model.h"

namespace armature {

class BoundedHuman {
 public:
  // The figure's model with errors and delay. `feet` is where it begins.
  BoundedHuman(const HumanModel& model, double body_share, const Eigen::Vector3d& feet, Rng* rng);

  // Moves for `dt` seconds; `arm` is where the robot is.
  void Step(double dt, absl::Span<const Capsule> arm);

  std::vector<Capsule> Body() const;

  // As of age_s, a sum of Step's dt, plus a random delay ago; valid until the next call.
  HumanMeasurement Measure(double age_s);

 private:
  struct Moment {
    double time_s;
    std::vector<Eigen::Vector3d> position;
    std::vector<Eigen::Vector3d> velocity;
  };
  struct Reach {  // Of a hand, from the shoulder.
    Eigen::Vector3d from, to;
    double begin_s = 0;
    double duration_s = 0;
  };

  Eigen::Vector3d Aim(const Eigen::Vector3d& from, absl::Span<const Capsule> arm);
  void ChooseReach(int side, absl::Span<const Capsule> arm);
  void Pose();
  Eigen::Vector3d OnSphere(double radius);

  const HumanModel model_;
  const double body_share_;
  Rng& rng_;
  double now_s_ = 0;
  double next_choice_s_ = 0;
  int choice_ = 0;
  Eigen::Vector3d random_direction_;
  std::vector<Eigen::Vector3d> standing_;
  Eigen::Vector3d body_position_ = Eigen::Vector3d::Zero();
  Eigen::Vector3d body_velocity_ = Eigen::Vector3d::Zero();
  Reach reach_[2];
  std::deque<Moment> history_;
  Moment measured_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SHIELD_TESTING_BOUNDED_HUMAN_H_
