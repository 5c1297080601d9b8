// A human that keeps the bounds of HumanFigure and means harm: it walks at the arm and swings its
// arms at it.
//
// The body slides as a whole, upright, with a share of the allowed speed and acceleration; what is
// left is the arms', which are stretched and turn about the shoulders. Each picks anew, at random,
// what to do: go at the arm, away from it, anywhere, or stop. Bones keep their length.
// Thread safety: none. Call order: (Reset | Keep) (Step | Pose)*. Allocates nothing after Reset.
#ifndef ARMATURE_ENVSERVER_TASKS_HUMAN_ADVERSARY_H_
#define ARMATURE_ENVSERVER_TASKS_HUMAN_ADVERSARY_H_

#include <array>

#include "Eigen/Core"
#include "absl/types/span.h"
#include "common/random/rng.h"
#include "envserver/human/human_pose.h"
#include "envserver/kit/state_archive.h"
#include "envserver/shield/capsule.h"

namespace armature {

class Adversary {
 public:
  // Stands somewhere around `centre`, which is on the floor, 1.6 m from it.
  void Reset(const Eigen::Vector3d& centre, Rng& rng);
  // Moves on by dt; `arm`: where the robot is.
  void Step(double dt, absl::Span<const Capsule> arm, Rng& rng);
  void Pose(HumanPose* pose) const;
  void Keep(StateArchive& state);

 private:
  struct Swing {  // Of an arm's direction, from one to another.
    Eigen::Vector3d from = -Eigen::Vector3d::UnitZ();
    Eigen::Vector3d axis = Eigen::Vector3d::UnitX();
    double angle_rad = 0;
    double begin_s = 0;
    double duration_s = 0;
  };

  // Where a joint of one who stands is, turned by heading_rad_.
  Eigen::Vector3d Standing(int joint) const;
  Eigen::Vector3d Direction(const Swing& swing) const;
  void ChooseSwing(int side, absl::Span<const Capsule> arm, Rng& rng);

  double body_share_ = 0.5;
  double heading_rad_ = 0;
  double now_s_ = 0;
  double next_choice_s_ = 0;
  int choice_ = 0;
  Eigen::Vector3d random_direction_ = Eigen::Vector3d::Zero();
  Eigen::Vector3d feet_ = Eigen::Vector3d::Zero();
  Eigen::Vector3d velocity_ = Eigen::Vector3d::Zero();
  Eigen::Vector3d acceleration_ = Eigen::Vector3d::Zero();
  std::array<Swing, 2> swings_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_HUMAN_ADVERSARY_H_
