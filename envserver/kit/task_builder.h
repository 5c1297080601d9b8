// What a task declares about itself in Build.
//
//   task.SetTime(/*physics_step_s=*/0.01, /*physics_steps=*/5, /*horizon_s=*/5);  // First.
//   cart_ = task.AddBody(task.LoadUrdf(path), options);
//   task.SetAction(1, -10, 10);
//   angle_ = task.AddField("angle", 1, -M_PI, M_PI);
//   upright_ = task.AddReward("upright", 1.0);
//   fell_ = task.AddTermination("fell");
//
// Errors: every function throws TaskError, with a sentence that names what is wrong.
// Thread safety: none.
#ifndef ARMATURE_ENVSERVER_KIT_TASK_BUILDER_H_
#define ARMATURE_ENVSERVER_KIT_TASK_BUILDER_H_

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/scene/scene.h"
#include "common/spec/env_spec.h"
#include "common/spec/mirror.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/bullet/urdf.h"
#include "envserver/kit/task.h"

namespace armature {

struct GoalOptions {
  bool terminate_on_success = true;
};

class TaskBuilder {
 public:
  static constexpr double kUnbounded = std::numeric_limits<double>::infinity();

  // The clock: a physics step, how many of them make a control step, and the simulated length of an
  // episode, which is rounded to control steps (0: no limit). Makes the world with `options`, whose
  // time step is replaced. Comes first.
  void SetTime(double physics_step_s, int physics_steps, double horizon_s,
               WorldOptions options = {});
  // Asks Terminated after each physics step instead of after the control step.
  void EndBetweenPhysicsSteps() { ends_between_physics_steps_ = true; }
  BulletWorld& world();

  // Returns the folder of a robot model that is fetched by package name; see
  // envserver/bullet/model_folder.h.
  std::string FindModel(absl::string_view name, absl::string_view runfiles_path);
  // Reads a URDF file, once in this process for all environments. What it cannot honour is logged
  // then.
  std::shared_ptr<const BodyModel> LoadUrdf(const std::string& path,
                                            const UrdfOptions& options = {});
  Body* AddBody(std::shared_ptr<const BodyModel> model, const BodyOptions& options);

  // A Box: `size` components with the same bounds, or one pair of bounds for each.
  void SetAction(int size, double low, double high);
  void SetAction(std::vector<double> low, std::vector<double> high);
  // One of `choices`.
  void SetDiscreteAction(int choices);

  // A float32 field of `size` elements. Policies see the fields joined in the order declared. The
  // bounds are inclusive and in the field's units; one value, or one per element.
  Field AddField(absl::string_view name, int size, double low = -kUnbounded,
                 double high = kUnbounded);
  Field AddField(absl::string_view name, std::vector<double> low, std::vector<double> high);

  // A field that is what `camera` sees: uint8 [height_px, width_px, 3], 8-bit RGB. It is drawn once
  // the other fields are written; Observe leaves it alone. Viewers have this camera too, under the
  // field's name. No goal can be such a field.
  Field AddPictureField(absl::string_view name, SceneCamera camera);

  // Declares the task's mirror image, e.g. with left and right exchanged (proto/spec.proto,
  // MirrorSpec), so that ppo can learn from it: element i of the mirrored field is sign[i] times
  // its element source[i]; signs are 1 or -1. A task that does this, does it for every field and
  // for the action.
  void SetMirror(Field field, std::vector<int64_t> source, std::vector<int64_t> sign);
  void SetActionMirror(std::vector<int64_t> source, std::vector<int64_t> sign);
  // The same at once, for all fields joined in the order declared.
  void SetMirror(MirrorSpec mirror) { spec_.mirror = std::move(mirror); }

  // Makes the task goal-conditioned: its reward is GoalReward of these two fields.
  void SetGoal(Field achieved, Field desired, const GoalOptions& options = {});
  // A field that GoalReward needs beside the goals and policies do not see.
  void AddGoalExtra(absl::string_view name, int size);

  // A term of the reward, which is the sum over terms of weight x value. `env_config` can set the
  // weight as "reward.NAME". The weighted term is the metric "reward/NAME".
  RewardTerm AddReward(absl::string_view name, double weight);
  // Bounds of one step's reward, for the spec; unbounded if not called.
  void SetRewardBounds(double low, double high);

  // A cause of termination, with the reward that is added to the step that it ends. Reported as the
  // metric "terminated/NAME", 0 or 1.
  Termination AddTermination(absl::string_view name, double reward = 0);
  // Says that Success means something.
  void ReportsSuccess() { spec_.reports_success = true; }
  // Says that Task::ExecutedAction means something: the action that is asked for is not always what
  // is done. The action must be a Box.
  void ReportsExecutedAction() { spec_.reports_executed_action = true; }

  Metric AddMetric(absl::string_view name, v1::MetricSpec::Aggregation aggregation);
  Parameter AddParameter(absl::string_view name, double low, double high, double initial);

  // Something that viewers see and the world does not have.
  Marker AddMarker(absl::string_view name, SceneShape shape) {
    return AddMarker(name, std::vector<SceneShape>{std::move(shape)});
  }
  // One of several shapes, which keep their poses to each other.
  Marker AddMarker(absl::string_view name, std::vector<SceneShape> shapes);
  // The first one takes the task's pictures. One that sets tracked_body, to a body's name or
  // "BODY/LINK", follows it. Without any, one is placed that has all bodies in view where Reset
  // puts them, and follows the robot if the world has one with a free base and no other; for that,
  // Reset is called once more, before the first episode.
  void AddCamera(SceneCamera camera);

 private:
  friend class TaskEnv;
  // `weights` are the "reward." keys of env_config, without that prefix.
  TaskBuilder(std::string id, std::map<std::string, double> weights);

  Field AddField(FieldSpec field);
  Metric AddMetricNamed(std::string name, v1::MetricSpec::Aggregation aggregation);
  // Throws if something that every task must declare is missing, or is impossible.
  void CheckComplete() const;
  void CheckMirrorComplete() const;

  EnvSpec spec_;
  int physics_steps_ = 1;
  bool ends_between_physics_steps_ = false;
  std::unique_ptr<BulletWorld> world_;
  std::map<std::string, double> weights_given_;
  std::vector<double> weights_;              // By reward term.
  std::vector<std::string> reward_names_;    // By reward term.
  std::vector<int> reward_metrics_;          // By reward term: index in spec_.metrics.
  std::vector<double> termination_rewards_;  // By termination.
  std::vector<int> termination_metrics_;     // By termination.
  std::vector<int> goal_fields_;             // Achieved, desired; empty: no goal.
  GoalOptions goal_options_;
  std::vector<std::vector<SceneShape>> markers_;
  std::vector<std::string> marker_names_;
  std::vector<SceneCamera> cameras_;
  struct Picture {
    int field;
    SceneCamera camera;
  };
  std::vector<Picture> pictures_;  // By picture field.
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_KIT_TASK_BUILDER_H_
