// The class to write for a robot task: robots, observations, rewards and endings, in one file.
//
//   class Balance : public Task {
//    public:
//     struct Config { ... void Visit(ConfigVisitor& v); };  // The task's keys, see common/config.
//     explicit Balance(const Config& config);
//     void Build(TaskBuilder& task) override;               // See task_builder.h.
//     ...
//   };
//   RegisterTask<Balance>(registry, "balance", "Balance a pole on a cart.");  // register_task.h
//
// Call order: Build, then for each episode
//   Reset Observe
//     (Act (Substep [Terminated])* [Terminated] Observe Reward Report [ExecutedAction])*
// Substep runs before each physics step. Terminated runs after the last physics step of a control
// step, or after each if the task asks for that; one that ends the episode is then the last.
// Thread safety: none needed. One thread at a time uses a task, not always the same one.
// Determinism: everything random comes from rng(), which the episode's seed alone decides. Members
// that later steps depend on are named in Keep.
// Errors: any hook may throw a std::exception. In Build it refuses the environment; later the slot
// gets a new one, and the fault is reported.
// Cost: hooks are called once a step, on the thread that steps the slot. They need not allocate.
#ifndef ARMATURE_ENVSERVER_KIT_TASK_H_
#define ARMATURE_ENVSERVER_KIT_TASK_H_

#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/random/rng.h"
#include "common/scene/scene.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/env/env.h"
#include "envserver/kit/state_archive.h"

namespace armature {

class TaskBuilder;
class TaskEnv;

// A task's own error, in a sentence for its user.
class TaskError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Handles of what Build has declared. Only TaskBuilder makes valid ones.
struct Field {
  int index = -1;
};
struct RewardTerm {
  int index = -1;
};
struct Metric {
  int index = -1;
};
struct Parameter {
  int index = -1;
};
struct Marker {
  int index = -1;
};
// The default one means that the episode goes on.
struct Termination {
  int index = -1;
};

// Takes one observation. Every element of every field must be written, each time; pictures are
// drawn by the environment.
class ObservationWriter {
 public:
  // Writes all elements of `field`. Throws TaskError if their number differs from the field's, or
  // if it is a picture.
  void Write(Field field, absl::Span<const double> values);
  void Write(Field field, std::initializer_list<double> values) {
    Write(field, absl::MakeConstSpan(values.begin(), values.size()));
  }
  void Write(Field field, double value) { Write(field, {value}); }
  void Write(Field field, const btVector3& value) {
    Write(field, {value.x(), value.y(), value.z()});
  }
  // The field's elements, to be written in place; none if it is a picture.
  absl::Span<float> operator[](Field field) { return fields_[field.index]; }

 private:
  friend class TaskEnv;
  explicit ObservationWriter(const EnvSpec* spec)
      : spec_(spec), fields_(spec->observation.size()) {}

  const EnvSpec* spec_;
  std::vector<absl::Span<float>> fields_;
};

// Takes the values of one step's reward terms, before their weights. A term that nothing is added
// to is 0.
class RewardTerms {
 public:
  void Add(RewardTerm term, double value) { values_[term.index] += value; }

 private:
  friend class TaskEnv;
  std::vector<double> values_;
};

// Takes the values of one step's metrics; 0 if not set.
class MetricValues {
 public:
  void Set(Metric metric, double value) { values_[metric.index] = value; }

 private:
  friend class TaskEnv;
  std::vector<double> values_;
};

// Takes the poses of markers. A marker stays where it was put last.
class MarkerPoses {
 public:
  void Place(Marker marker, const btVector3& position,
             const btQuaternion& orientation = btQuaternion::getIdentity());

 private:
  friend class TaskEnv;
  std::vector<ScenePose> poses_;
};

// One goal pair of a goal-conditioned task.
struct GoalPair {
  absl::Span<const float> achieved;  // [goal size]
  absl::Span<const float> desired;   // [goal size]
  absl::Span<const float> extra;     // The goal's extra fields, joined in order.
};

struct GoalOutcome {
  double reward = 0;
  bool is_success = false;
};

class Task {
 public:
  virtual ~Task() = default;

  // Declares everything, once: times, bodies, action, fields, reward terms, endings.
  virtual void Build(TaskBuilder& task) = 0;

  // Begins an episode. The world is as Build left it, rng() is seeded; places what differs.
  virtual void Reset() = 0;

  // Takes the action, once a control step. It is finite and within its bounds.
  virtual void Act(absl::Span<const float> action) = 0;

  // Runs before each physics step: actuator models, disturbances.
  virtual void Substep() {}

  // Writes every field of the observation.
  virtual void Observe(ObservationWriter& out) = 0;

  // Adds the step's reward terms. Tasks with a goal have GoalReward instead.
  virtual void Reward(RewardTerms& out) { (void)out; }

  // The reward of a goal pair: of a step, or of one that hindsight replay asks about. Must depend
  // on nothing else.
  virtual GoalOutcome GoalReward(const GoalPair& goal) const;

  // Writes the goal's extra fields of the step, joined in order.
  virtual void WriteGoalExtra(absl::Span<float> extra) { (void)extra; }

  // Why the episode has ended; a default one if it goes on. Time limits are not the task's.
  virtual Termination Terminated() { return {}; }

  // Whether the step reached what the task is for. Tasks with a goal have GoalReward instead. Only
  // asked if Build called ReportsSuccess.
  virtual bool Success() { return false; }

  // Sets the step's metrics.
  virtual void Report(MetricValues& out) { (void)out; }

  // Writes what was done in the step, as an action that Act could have taken; what lies beyond the
  // action's bounds is clipped. Only asked if Build called ReportsExecutedAction.
  virtual void ExecutedAction(absl::Span<float> out) { (void)out; }

  // Places markers for viewers, e.g. the goal. Only called while somebody watches, or for pictures.
  virtual void Show(MarkerPoses& out) { (void)out; }

  // The arm that actions move, and how: see Env::arm.
  virtual ArmActions* arm() { return nullptr; }

  // Names the members that later steps depend on; see state_archive.h. Members that Reset does not
  // set and Build does not fix belong here too.
  virtual void Keep(StateArchive& state) { (void)state; }

 protected:
  // All of these are for use from Reset on; world() from Build on.
  BulletWorld& world() { return *context_.world; }
  // Of this episode.
  Rng& rng() { return *context_.rng; }
  // Simulated time since the episode's reset.
  double time_s() const { return context_.physics_steps * context_.physics_step_s; }
  // Physics steps since the episode's reset.
  int64_t physics_steps() const { return context_.physics_steps; }
  // The value that this episode began with.
  double parameter(Parameter parameter) const { return context_.parameters[parameter.index]; }

 private:
  friend class TaskEnv;
  struct Context {
    BulletWorld* world = nullptr;
    Rng* rng = nullptr;
    int64_t physics_steps = 0;  // Since the reset.
    double physics_step_s = 0;
    std::vector<double> parameters;
  };
  Context context_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_KIT_TASK_H_
