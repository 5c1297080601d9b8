// Makes an environment of a Task: runs its hooks, sums its reward terms, and keeps what every task
// has: the world, the clock, the generator, the metrics, the saved state and the view.
//
// Thread safety, determinism: see Env.
// Errors: throws what the task's hooks throw; TaskError if an observation or an executed action is
// incomplete, naming field and element.
// Cost: a step allocates nothing.
#ifndef ARMATURE_ENVSERVER_KIT_TASK_ENV_H_
#define ARMATURE_ENVSERVER_KIT_TASK_ENV_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/random/rng.h"
#include "common/scene/scene.h"
#include "common/spec/env_spec.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/env/env.h"
#include "envserver/kit/task.h"
#include "envserver/kit/task_builder.h"

namespace armature {

class TaskEnv : public Env {
 public:
  // Makes a task with `make_task` and builds it. `weights` replace the weights of its reward terms,
  // by name. Returns InvalidArgument with the message of what making or building threw.
  static absl::StatusOr<std::unique_ptr<TaskEnv>> Create(
      const std::string& env_id, const std::function<std::unique_ptr<Task>()>& make_task,
      const std::map<std::string, double>& weights);

  const EnvSpec& spec() const override { return spec_; }
  void Reset(uint64_t seed, Observation& observation) override;
  StepResult Step(absl::Span<const float> action, Observation& observation) override;
  absl::Status ComputeReward(const GoalPairs& goals, absl::Span<float> reward,
                             absl::Span<uint8_t> terminated) const override;
  void SetParameters(absl::Span<const double> values) override;
  void ReadMetrics(absl::Span<float> metrics) const override;
  void ReadGoalExtra(absl::Span<float> extra) const override;
  void ReadExecutedAction(absl::Span<float> action) const override;
  absl::Status SaveState(std::string* state) override;
  absl::Status RestoreState(absl::string_view state) override;
  // Drawn by the process's one renderer (common/render), seen by the scene's first camera.
  absl::Status Render(absl::Span<uint8_t> rgb) override;
  const Scene* scene() const override;
  void ReadView(SceneView& view) const override;
  BulletWorld* world() override { return world_.get(); }
  ArmActions* arm() override { return task_->arm(); }

  // Weights of the reward terms, by name, in the order declared.
  std::vector<std::pair<std::string, double>> reward_weights() const;
  Task& task() { return *task_; }

 private:
  TaskEnv(std::unique_ptr<Task> task, TaskBuilder builder);

  void BuildScene();
  // Of a task that has declared none.
  SceneCamera DefaultCamera();
  // Runs the task's Observe, checks that everything was written, and draws the pictures.
  void Observe(Observation& observation);
  void DrawPictures(Observation& observation);
  Termination RunPhysics();
  // Asks the task, and holds it to the bounds.
  void TakeExecutedAction();
  // Everything that the future depends on, for saving and restoring.
  void Keep(StateArchive& state);

  const std::unique_ptr<Task> task_;
  TaskBuilder built_;  // What the task declared.
  EnvSpec spec_;
  std::unique_ptr<BulletWorld> world_;
  WorldState initial_;  // As Build left it.
  // Read again, when asked for, if sizes or colours have changed.
  mutable Scene scene_;
  mutable int64_t scene_version_ = 0;
  Rng rng_;
  std::vector<double> next_parameters_;  // Of the episodes to come.
  ObservationWriter observation_;
  RewardTerms terms_;
  MetricValues metrics_;
  std::vector<float> goal_extra_;
  std::vector<float> executed_;  // The last step's action; empty if the task has none to report.
  mutable MarkerPoses markers_;
  SceneView drawn_;  // What the last picture showed.
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_KIT_TASK_ENV_H_
