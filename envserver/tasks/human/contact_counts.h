// Contacts of an arm by type, as the tasks with a human report them.
//
// A contact ends 0.01 s after it was last seen; a new one counts. Illegal are all but those with
// the human that are not critical.
// Thread safety: none.
// Call order: (Reset | Keep) (BeginControlStep (ForgetTouches Touch* EndPhysicsStep)* Report)*
#ifndef ARMATURE_ENVSERVER_TASKS_HUMAN_CONTACT_COUNTS_H_
#define ARMATURE_ENVSERVER_TASKS_HUMAN_CONTACT_COUNTS_H_

#include <array>
#include <cstdint>

#include "envserver/kit/state_archive.h"
#include "envserver/kit/task.h"
#include "envserver/kit/task_builder.h"

namespace armature {

class ContactCounts {
 public:
  enum Kind { kRobot, kStatic, kHuman, kCritical, kKinds };  // From harmless to grave.

  explicit ContactCounts(double physics_step_s);

  // Metrics: collision, collision_type, n_collisions and by type.
  void AddMetrics(TaskBuilder& task);
  void Report(MetricValues& out) const;

  void Reset();  // An episode begins.
  void BeginControlStep();
  void ForgetTouches();  // A physics step begins.
  void Touch(Kind kind) { touching_[kind] = true; }
  bool touches(Kind kind) const { return touching_[kind]; }  // In this physics step.
  void EndPhysicsStep();

  bool is_illegal() const { return illegal_; }  // In this control step.

  void Keep(StateArchive& state);

 private:
  int64_t quiet_steps_;  // After which a contact has ended.
  std::array<bool, kKinds> touching_ = {};
  // Of the control step.
  std::array<int64_t, kKinds> counts_ = {};
  bool illegal_ = false;
  // Of the episode.
  std::array<int64_t, kKinds> quiet_ = {};
  bool had_illegal_ = false;
  int worst_ = 0;  // 1 + Kind; 0: none.

  struct Metrics {
    Metric collision, type, all, robot, statics, human, critical;
  } metrics_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_HUMAN_CONTACT_COUNTS_H_
