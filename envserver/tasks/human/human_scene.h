// A human in a task's world: it moves, is seen by a tracker, and its body can be touched.
//
// The body is the 23 capsules of HumanFigure, kinematic bodies. What it touches it does not push,
// unless human.pushes says so, and then the arm alone: a body that moves as it is told has no mass,
// and would throw about an arm that stands.
// The tracker says where the joints were a while ago, with errors. It measures once a cycle.
// Wait has the human stand where its clip is, e.g. with a hand held out: its time passes slower,
// until it stands, and faster again. What is computed of its motion takes that into account.
// Thread safety: none. Call order: AddBodies (Reset | Keep) (Wait? (Observe? Move)*)*
#ifndef ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_SCENE_H_
#define ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_SCENE_H_

#include <memory>
#include <string>
#include <vector>

#include "Eigen/Geometry"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "common/config/config.h"
#include "common/random/rng.h"
#include "envserver/human/human_playback.h"
#include "envserver/human/human_pose.h"
#include "envserver/kit/state_archive.h"
#include "envserver/kit/task_builder.h"
#include "envserver/shield/capsule.h"
#include "envserver/shield/human_model.h"
#include "envserver/tasks/human/adversary.h"

namespace armature {

// Collision groups of these tasks' bodies.
inline constexpr int kSceneGroup = 1;  // Statics and objects.
inline constexpr int kHumanGroup = 2;
inline constexpr int kArmGroup = 4;

// The keys human.*.
struct HumanConfig {
  std::vector<std::string> motions = {"walk_past", "reach_in", "pick", "work_at_table",
                                      "hand_over"};
  int64_t variants = 4;
  int64_t clips = 5;
  double distance_m = 1.2;
  double speed = 1;
  double speed_sigma = 0.1;
  double amplitude = 1;
  double amplitude_sigma = 0.1;
  bool pushes = false;

  void Visit(ConfigVisitor& v);
};

// The keys tracker.*.
struct TrackerConfig {
  double position_error_m = 0.02;
  double velocity_error_m_s = 0.1;
  double age_s = 0.004;
  double delay_s = 0.016;
  double dropout = 0;
  bool velocity = true;

  void Visit(ConfigVisitor& v);
};

struct HumanSceneOptions {
  double physics_step_s = 0.004;
  int steps_per_cycle = 1;
  Eigen::Vector3d arm_foot = Eigen::Vector3d::Zero();  // The floor under the arm.
};

class HumanScene {
 public:
  // Throws TaskError: motions that cannot be read or played.
  HumanScene(const HumanConfig& human, const TrackerConfig& tracker,
             const HumanSceneOptions& options);

  void AddBodies(TaskBuilder& task);

  // What the shield may assume of the human and of the tracker.
  const HumanModel& model() const { return model_; }

  // Begins an episode.
  void Reset(Rng& rng);

  // Once a cycle, before Move: takes note of where the human is, and returns what the tracker knows
  // of it, in a frame that `from_world` leads to; valid until the next call. Null: nothing.
  const HumanMeasurement* Observe(const Eigen::Isometry3d& from_world, Rng& rng);

  // Before a physics step: sends the body to where the human is after it. `arm`: where the robot is
  // before it, in the world.
  void Move(absl::Span<const Capsule> arm, Rng& rng);

  // Whether it waits from the next step on. One that does not play clips never does.
  void Wait(bool waits) { waits_ = waits; }

  // Before the physics step that Move was called for last; before the next one if there was none.
  const HumanPose& pose() const { return pose_; }
  // After it; where the body is once the step is done.
  const HumanPose& next_pose() const { return next_pose_; }
  absl::Span<const Capsule> capsules() const { return capsules_; }  // Of pose().

  const Body& body(int part) const { return *bodies_[part]; }
  // The part of the figure that a body of the world is; -1: none.
  int PartOf(int body_id) const;
  // Whether the human broke the bounds of HumanFigure in a pose since ForgetBounds.
  bool broke_bounds() const { return peak_.BreaksBounds(); }
  void ForgetBounds() { peak_ = HumanPeak(); }

  void Keep(StateArchive& state);

 private:
  void PoseNow(HumanPose* pose);
  void Advance();
  btTransform PartPose(const HumanPose& pose, int part) const;
  void PlaceCapsules();

  const HumanConfig human_;
  const TrackerConfig tracker_;
  const HumanSceneOptions options_;
  const HumanModel model_;
  int age_cycles_ = 0;
  int delay_cycles_ = 0;
  absl::optional<HumanPlayback> playback_;  // Absent: an adversary.
  Adversary adversary_;
  std::vector<Body*> bodies_;  // Of the parts; owned by the world.

  int64_t steps_ = 0;
  double waited_s_ = 0;     // Of the time that these took.
  double rate_ = 1;         // By which the clips' time passes now.
  double rate_change_ = 0;  // 1/s
  bool waits_ = false;
  HumanPose pose_;
  HumanPose next_pose_;
  std::vector<Capsule> capsules_;
  std::vector<HumanPose> past_;  // By cycle, the latest first.
  HumanPeak peak_;
  HumanMeasurement measurement_;
  std::vector<Eigen::Vector3d> measured_position_;
  std::vector<Eigen::Vector3d> measured_velocity_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_SCENE_H_
