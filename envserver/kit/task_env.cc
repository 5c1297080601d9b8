#include "envserver/kit/task_env.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/render/framing.h"
#include "common/render/renderer.h"
#include "envserver/bullet/scene_writer.h"
#include "envserver/kit/picture_field.h"

namespace armature {
namespace {

// A NaN that no computation gives: an element that still has it was not written.
constexpr uint32_t kUnwrittenBits = 0x7fc0a5c3;

float Unwritten() {
  float value;
  std::memcpy(&value, &kUnwrittenBits, sizeof(value));
  return value;
}

bool IsUnwritten(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits == kUnwrittenBits;
}

// Throws if the scene has no body that the camera tracks.
void CheckTrackedBody(const Scene& scene, const SceneCamera& camera) {
  SceneView view;
  view.poses.assign(scene.bodies.size(), kNoPose);
  const absl::StatusOr<SceneCamera> placed = PlaceCamera(scene, view, camera);
  if (!placed.ok()) throw TaskError(std::string(placed.status().message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TaskEnv>> TaskEnv::Create(
    const std::string& env_id, const std::function<std::unique_ptr<Task>()>& make_task,
    const std::map<std::string, double>& weights) {
  try {
    std::unique_ptr<Task> task = make_task();
    TaskBuilder builder(env_id, weights);
    // Hooks that Build calls may already use world(), which SetTime makes.
    task->Build(builder);
    builder.CheckComplete();
    if (absl::Status status = builder.spec_.Validate(); !status.ok()) return status;
    return std::unique_ptr<TaskEnv>(new TaskEnv(std::move(task), std::move(builder)));
  } catch (const std::exception& e) {
    return absl::InvalidArgumentError(absl::StrCat("env ", env_id, ": ", e.what()));
  }
}

TaskEnv::TaskEnv(std::unique_ptr<Task> task, TaskBuilder builder)
    : task_(std::move(task)),
      built_(std::move(builder)),
      spec_([this] {
        built_.spec_.saves_state = true;
        built_.spec_.has_scene = true;
        return built_.spec_;
      }()),
      world_(std::move(built_.world_)),
      rng_({0}),
      observation_(&spec_) {
  world_->SaveState(&initial_);
  for (const ParameterSpec& parameter : spec_.parameters) {
    next_parameters_.push_back(parameter.initial);
  }
  terms_.values_.resize(built_.weights_.size());
  metrics_.values_.resize(spec_.metrics.size());
  if (spec_.goal.has_value()) goal_extra_.resize(spec_.goal->extra_size());
  if (spec_.reports_executed_action) executed_.resize(spec_.action.size());
  task_->context_.world = world_.get();
  task_->context_.rng = &rng_;
  task_->context_.physics_step_s = world_->options().time_step_s;
  task_->context_.parameters = next_parameters_;
  BuildScene();
}

void TaskEnv::Reset(uint64_t seed, Observation& observation) {
  world_->RestoreState(initial_);
  rng_ = Rng({seed});
  task_->context_.parameters = next_parameters_;
  task_->context_.physics_steps = 0;
  std::fill(metrics_.values_.begin(), metrics_.values_.end(), 0.0);
  task_->Reset();
  Observe(observation);
}

Termination TaskEnv::RunPhysics() {
  const bool ends_between = built_.ends_between_physics_steps_;
  Termination ending;
  for (int i = 0; i < built_.physics_steps_ && ending.index < 0; ++i) {
    task_->Substep();
    world_->Step();
    ++task_->context_.physics_steps;
    if (ends_between) ending = task_->Terminated();
  }
  return ends_between ? ending : task_->Terminated();
}

StepResult TaskEnv::Step(absl::Span<const float> action, Observation& observation) {
  std::fill(terms_.values_.begin(), terms_.values_.end(), 0.0);
  std::fill(metrics_.values_.begin(), metrics_.values_.end(), 0.0);
  task_->Act(action);
  const Termination ending = RunPhysics();
  Observe(observation);
  StepResult step;
  double reward = 0;
  if (spec_.goal.has_value()) {
    task_->WriteGoalExtra(absl::MakeSpan(goal_extra_));
    // From the observed values, so that ComputeReward agrees to the last bit.
    const GoalOutcome outcome =
        task_->GoalReward({observation.Field<float>(built_.goal_fields_[0]),
                           observation.Field<float>(built_.goal_fields_[1]), goal_extra_});
    reward = outcome.reward;
    step.is_success = outcome.is_success;
    step.terminated = outcome.is_success && built_.goal_options_.terminate_on_success;
  } else {
    task_->Reward(terms_);
    step.is_success = spec_.reports_success && task_->Success();
  }
  task_->Report(metrics_);
  if (!executed_.empty()) TakeExecutedAction();
  for (size_t i = 0; i < terms_.values_.size(); ++i) {
    const double value = built_.weights_[i] * terms_.values_[i];
    metrics_.values_[built_.reward_metrics_[i]] = value;
    reward += value;
  }
  if (ending.index >= 0) {
    step.terminated = true;
    reward += built_.termination_rewards_[ending.index];
    metrics_.values_[built_.termination_metrics_[ending.index]] = 1;
  }
  step.reward = static_cast<float>(reward);
  return step;
}

void TaskEnv::TakeExecutedAction() {
  std::fill(executed_.begin(), executed_.end(), Unwritten());
  task_->ExecutedAction(absl::MakeSpan(executed_));
  for (size_t i = 0; i < executed_.size(); ++i) {
    if (IsUnwritten(executed_[i])) {
      throw TaskError(absl::StrCat("ExecutedAction left [", i, "] unwritten"));
    }
    executed_[i] = std::clamp(executed_[i], static_cast<float>(spec_.action.low[i]),
                              static_cast<float>(spec_.action.high[i]));
  }
}

absl::Status TaskEnv::ComputeReward(const GoalPairs& goals, absl::Span<float> reward,
                                    absl::Span<uint8_t> terminated) const {
  if (!spec_.goal.has_value()) return Env::ComputeReward(goals, reward, terminated);
  const size_t size = spec_.observation[built_.goal_fields_[0]].size();
  const size_t extra_size = goal_extra_.size();
  for (size_t i = 0; i < reward.size(); ++i) {
    const GoalOutcome outcome = task_->GoalReward(
        {goals.achieved.subspan(i * size, size), goals.desired.subspan(i * size, size),
         goals.extra.subspan(i * extra_size, extra_size)});
    reward[i] = static_cast<float>(outcome.reward);
    terminated[i] = outcome.is_success && built_.goal_options_.terminate_on_success;
  }
  return absl::OkStatus();
}

void TaskEnv::Observe(Observation& observation) {
  const int fields = static_cast<int>(spec_.observation.size());
  for (int i = 0; i < fields; ++i) {
    if (spec_.observation[i].dtype != v1::DTYPE_FLOAT32) continue;  // A picture.
    observation_.fields_[i] = observation.Field<float>(i);
    std::fill(observation_.fields_[i].begin(), observation_.fields_[i].end(), Unwritten());
  }
  task_->Observe(observation_);
  for (int i = 0; i < fields; ++i) {
    const absl::Span<const float> values = observation_.fields_[i];
    const auto unwritten = std::find_if(values.begin(), values.end(), IsUnwritten);
    if (unwritten == values.end()) continue;
    throw TaskError(absl::StrCat("Observe left the field '", spec_.observation[i].name,
                                 "' unwritten at [", unwritten - values.begin(), "]"));
  }
  if (!built_.pictures_.empty()) DrawPictures(observation);
}

void TaskEnv::DrawPictures(Observation& observation) {
  ReadView(drawn_);
  for (const TaskBuilder::Picture& picture : built_.pictures_) {
    DrawPictureField(*scene(), drawn_, picture.camera, observation.fields()[picture.field]);
  }
}

void TaskEnv::SetParameters(absl::Span<const double> values) {
  next_parameters_.assign(values.begin(), values.end());
}

void TaskEnv::ReadMetrics(absl::Span<float> metrics) const {
  for (size_t i = 0; i < metrics.size(); ++i) metrics[i] = static_cast<float>(metrics_.values_[i]);
}

void TaskEnv::ReadGoalExtra(absl::Span<float> extra) const {
  std::copy(goal_extra_.begin(), goal_extra_.end(), extra.begin());
}

void TaskEnv::ReadExecutedAction(absl::Span<float> action) const {
  std::copy(executed_.begin(), executed_.end(), action.begin());
}

void TaskEnv::Keep(StateArchive& state) {
  std::string generator = rng_.State();
  state.Keep(generator);
  if (!state.is_saving() && state.ok()) state.Check(rng_.SetState(generator));
  state.Keep(task_->context_.physics_steps);
  state.Keep(task_->context_.parameters);
  state.Keep(metrics_.values_);
  state.Keep(goal_extra_);
  task_->Keep(state);
}

absl::Status TaskEnv::SaveState(std::string* state) {
  std::string world;
  world_->SaveState(&world);
  StateArchive archive = StateArchive::Saving(state);
  archive.Keep(world);
  Keep(archive);
  return absl::OkStatus();
}

absl::Status TaskEnv::RestoreState(absl::string_view state) {
  std::string before;
  if (absl::Status status = SaveState(&before); !status.ok()) return status;
  const auto restore = [this](absl::string_view bytes) -> absl::Status {
    std::string world;
    StateArchive archive = StateArchive::Restoring(bytes);
    archive.Keep(world);
    if (!archive.ok()) return absl::InvalidArgumentError("the saved state is too short");
    if (absl::Status status = world_->RestoreState(world); !status.ok()) return status;
    Keep(archive);
    if (archive.complete()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("the saved state does not fit ", spec_.id,
                     ": it is of another version or configuration of this task"));
  };
  const absl::Status status = restore(state);
  if (!status.ok()) restore(before).IgnoreError();  // It was written a moment ago.
  return status;
}

void TaskEnv::BuildScene() {
  AppendToScene(*world_, &scene_);
  for (size_t i = 0; i < built_.markers_.size(); ++i) {
    scene_.bodies.push_back({built_.marker_names_[i], /*is_marker=*/true});
    for (const SceneShape& shape : built_.markers_[i]) {
      scene_.shapes.push_back(shape);
      scene_.shapes.back().body = static_cast<int>(scene_.bodies.size()) - 1;
    }
  }
  scene_.cameras = built_.cameras_;
  if (scene_.cameras.empty()) scene_.cameras.push_back(DefaultCamera());
  for (const TaskBuilder::Picture& picture : built_.pictures_) {
    scene_.cameras.push_back(picture.camera);
  }
  for (const SceneCamera& camera : scene_.cameras) CheckTrackedBody(scene_, camera);
  for (const TaskBuilder::Picture& picture : built_.pictures_) {
    TryPictureField(scene_, picture.camera);
  }
  spec_.render = RenderSpec{scene_.cameras[0].width_px, scene_.cameras[0].height_px};
  scene_version_ = world_->looks_version();
  markers_.poses_.assign(built_.markers_.size(), kNoPose);
}

SceneCamera TaskEnv::DefaultCamera() {
  // As an episode begins.
  task_->Reset();
  SceneView view;
  AppendPoses(*world_, &view);
  world_->RestoreState(initial_);
  view.poses.resize(scene_.bodies.size(), kNoPose);  // Markers have no place yet.
  SceneCamera camera = FrameScene(scene_, view);
  camera.tracked_body = RoamingBody(*world_);
  for (size_t body = 0; body < scene_.bodies.size(); ++body) {
    if (scene_.bodies[body].name != camera.tracked_body) continue;
    for (int i = 0; i < 3; ++i) {
      camera.position[i] -= view.poses[body][i];
      camera.target[i] -= view.poses[body][i];
    }
    break;
  }
  return camera;
}

absl::Status TaskEnv::Render(absl::Span<uint8_t> rgb) {
  ReadView(drawn_);
  return Renderer::Shared().Draw(*scene(), drawn_, scene_.cameras[0], rgb);
}

const Scene* TaskEnv::scene() const {
  if (scene_version_ != world_->looks_version()) {
    // Sizes and colours have changed; bodies and markers are as they were.
    Scene now;
    AppendToScene(*world_, &now);
    std::copy(now.shapes.begin(), now.shapes.end(), scene_.shapes.begin());
    scene_version_ = world_->looks_version();
  }
  return &scene_;
}

void TaskEnv::ReadView(SceneView& view) const {
  view.poses.clear();
  view.contacts.clear();
  AppendPoses(*world_, &view);
  AppendContacts(*world_, &view);
  task_->Show(markers_);
  view.poses.insert(view.poses.end(), markers_.poses_.begin(), markers_.poses_.end());
  view.time_s = task_->time_s();
  view.scene_version = world_->looks_version();
}

std::vector<std::pair<std::string, double>> TaskEnv::reward_weights() const {
  std::vector<std::pair<std::string, double>> weights;
  for (size_t i = 0; i < built_.weights_.size(); ++i) {
    weights.emplace_back(built_.reward_names_[i], built_.weights_[i]);
  }
  return weights;
}

}  // namespace armature
