// What the tasks with a human beside an arm have in common: the arm behind its shield, the human,
// contacts by type, metrics, and what viewers see of the shield. A task adds its goal.
//
// Facts: a control step is 0.1 s; the shield's cycle is 4 ms. The first actions are changes of the
// joints' positions, +-1 for +-0.2 rad from where they are, held to their limits; the next one, of
// an arm that has a gripper, opens it: -1 closed, 1 open. Contacts are counted by type
// (contact_counts.h):
//   static    with the table or the floor
//   robot     of the arm's capsules with each other, of those that do not always overlap
//   human     with the human: Bullet's distance of their shapes is 0 or less
//   critical  of these, where the arm's point goes faster than critical_speed_m_s
// Speeds are those as the physics step begins. min_distance_m and cover_contact_speed_m_s are of
// the capsules, exactly. The arm is pushed while its joints are faster than told by more than the
// shield assumes, up to 0.1 s after it touched something else than the human, e.g. a table that it
// was pressed upon.
//
// The arm knows what its fingers hold, Held: its torques bear the weight, as those of arms that are
// told their payload.
//
// Thread safety, determinism: see Task.
#ifndef ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_ARM_TASK_H_
#define ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_ARM_TASK_H_

#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "Eigen/Geometry"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "common/config/config.h"
#include "envserver/env/arm_actions.h"
#include "envserver/kit/task.h"
#include "envserver/kit/task_builder.h"
#include "envserver/shield/capsule.h"
#include "envserver/tasks/human/contact_counts.h"
#include "envserver/tasks/human/human_scene.h"
#include "envserver/tasks/human/reach_markers.h"
#include "envserver/tasks/human/safe_arm.h"
#include "envserver/tasks/human/schunk_fingers.h"

namespace armature {

struct HumanArmConfig {
  ShieldConfig shield;
  HumanConfig human;
  TrackerConfig tracker;
  double critical_speed_m_s = 0.01;
  bool show_reachable_sets = true;

  void Visit(ConfigVisitor& v);
};

// An arm of the kit, in the task's world.
struct ArmSetup {
  Body* body = nullptr;
  std::vector<int> dofs;      // The arm's joints, from the base outwards.
  ArmModel model;             // Of its cover.
  int tool_link = kBase;      // A point of it is what reaches.
  std::vector<double> start;  // All DoFs of the body where an episode begins.
  SafeArmOptions drive;
  double scene_height_m = 0;               // Of the table's top; the arm's capsules stay above it.
  double floor_m = 0;                      // The human's.
  int horizon = 0;                         // Control steps of an episode.
  std::unique_ptr<SchunkFingers> fingers;  // That an action opens; may be null.
  // Sets the motors of fingers that no action opens, once a control step; may be null.
  void (*hold_fingers)(Body* body) = nullptr;
};

class HumanArmTask : public Task {
 public:
  explicit HumanArmTask(const HumanArmConfig& config) : config_(config) {}

  void Reset() final;
  void Act(absl::Span<const float> action) final;
  void Substep() final;
  Termination Terminated() final;
  void Report(MetricValues& out) final;
  void Show(MarkerPoses& out) override;
  ArmActions* arm() override { return actions_.get(); }
  void ExecutedAction(absl::Span<float> out) final;
  void Keep(StateArchive& state) final;

  const SafeArm& safe_arm() const { return *arm_; }

 protected:
  static constexpr double kControl_s = 0.1;
  static constexpr double kActionStep_rad = 0.2;

  // For Build, after the arm's body and the scene have been added.
  void AddArmAndHuman(TaskBuilder& task, ArmSetup setup);

  // Begins an episode, with the arm and the human at their places.
  virtual void BeginEpisode() {}
  // Called once as a control step begins.
  virtual void BeginStep() {}
  // Called before each physics step, once the human has been told where to go.
  virtual void BeforePhysics() {}
  // See ArmActions.
  virtual bool has_script() const { return false; }
  virtual void ScriptedAction(absl::Span<float> action) { (void)action; }
  // Called once the control step's physics is over, before Observe.
  virtual void EndStep() {}
  // Why it ends; asked after each physics step.
  virtual Termination Ending() { return {}; }
  virtual int goals_reached() const { return 0; }
  virtual void ReportMore(MetricValues& out) { (void)out; }
  virtual void KeepGoal(StateArchive& state) { (void)state; }
  // What the fingers hold if both touch it; may be null.
  virtual const Body* Held() const { return nullptr; }
  // Whether the arm may touch this body.
  virtual bool IsAllowed(int body_id) const {
    (void)body_id;
    return false;
  }

  JointVector joint_position() const { return arm_->position(); }
  btVector3 tool_position() const { return setup_->body->LinkPose(setup_->tool_link).getOrigin(); }
  // Where the tool is with these joints, in the world.
  Eigen::Vector3d ToolAt(const JointVector& position) const;
  // A place within the joints' limits where the arm touches neither itself nor the scene.
  JointVector FreePlace();
  bool IsFree(const JointVector& position);

  // From the tool to the left and the right hand and to the head, and how far they are.  [12]
  void ObserveHuman(absl::Span<float> out) const;

  bool has_collision() const { return counts_->is_illegal(); }  // In this control step.
  bool has_intervened() const { return intervened_; }
  HumanScene& human() { return *human_; }
  const HumanScene& human() const { return *human_; }
  const Body& arm_body() const { return *setup_->body; }
  // Of an arm that has them.
  SchunkFingers& fingers() { return *setup_->fingers; }
  const SchunkFingers& fingers() const { return *setup_->fingers; }
  int action_size() const { return num_joints() + (setup_->fingers != nullptr ? 1 : 0); }
  int num_joints() const { return setup_->model.num_joints(); }
  const ArmModel& arm_model() const { return setup_->model; }

 private:
  // The arm's velocities: that of a point p which joint k moves is turn[k] x p + shift[k].
  struct Motion {
    std::vector<Eigen::Vector3d> turn;
    std::vector<Eigen::Vector3d> shift;
    Eigen::Vector3d At(int joint, const Eigen::Vector3d& p) const {
      return turn[joint].cross(p) + shift[joint];
    }
  };

  class JointActions;

  void PlaceArm();  // Where its capsules are, and how they move.
  void LookForPushes();
  void LookAtCapsules();
  // The arm's capsules where they were placed last, each other.
  bool TouchesItself() const;
  void LookAtHuman();
  void LookAtContacts();
  void BearHeld();  // Adds the torques for the weight of what is held.
  // No point of capsule c goes faster.
  double FastestPoint(int c) const;

  const HumanArmConfig config_;
  absl::optional<ArmSetup> setup_;
  std::unique_ptr<SafeArm> arm_;
  std::unique_ptr<HumanScene> human_;
  std::unique_ptr<ArmActions> actions_;
  absl::optional<ContactCounts> counts_;
  Eigen::Isometry3d base_ = Eigen::Isometry3d::Identity();  // Of the arm, in the world.
  Eigen::Isometry3d base_inverse_ = Eigen::Isometry3d::Identity();
  std::vector<int> joint_of_link_;               // -1: none of the arm's moves it.
  std::vector<std::pair<int, int>> self_pairs_;  // Of capsules.
  Eigen::Isometry3d tool_in_joint_ = Eigen::Isometry3d::Identity();
  int steps_per_control_ = 0;

  std::vector<Capsule> in_base_;
  std::vector<Capsule> in_world_;
  std::vector<AxisBall> part_balls_;  // About the human's capsules.
  Motion motion_;
  std::vector<bool> near_;  // By joint, by part: whether a capsule of the one meets the other's.
  bool is_pushed_ = false;
  std::vector<double> jacobian_;  // Scratch.

  // Of the control step.
  JointVector begin_;
  float gripper_ = 0;
  bool intervened_ = false;
  std::array<bool, kShieldCauses> causes_ = {};
  bool broke_bounds_ = false;
  bool was_pushed_ = false;
  int64_t stops_before_ = 0;
  // Of the episode.
  double min_distance_m_ = 0;
  double contact_speed_m_s_ = 0;
  double cover_speed_m_s_ = 0;
  double promised_speed_m_s_ = 0;  // The same while the arm is not pushed.
  int64_t untouched_steps_ = 0;    // Since it touched something else than the human.
  int goals_before_ = 0;

  struct Metrics {
    Metric timeout, interventions, by_human, by_tracker, tracking_stops, goals, distance,
        contact_speed, cover_speed, promised_speed, broke_bounds, pushed;
  } metrics_;
  absl::optional<ReachMarkers> reach_markers_;  // Where viewers see the reachable sets.
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_ARM_TASK_H_
