#include "envserver/kit/task_builder.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/render/renderer.h"
#include "envserver/bullet/model_folder.h"
#include "envserver/kit/model_cache.h"
#include "envserver/kit/picture_field.h"

namespace armature {
namespace {

void CheckBounds(absl::string_view what, const std::vector<double>& low,
                 const std::vector<double>& high) {
  if (low.empty() || low.size() != high.size()) {
    throw TaskError(absl::StrCat(what, " has ", low.size(), " lower and ", high.size(),
                                 " upper bounds; expected as many, at least 1"));
  }
}

constexpr int64_t kUndeclared = -1;

// Position of a field's first element in the joined observation.
int64_t FirstElement(const EnvSpec& spec, int field) {
  int64_t first = 0;
  for (int i = 0; i < field; ++i) first += spec.observation[i].size();
  return first;
}

}  // namespace

TaskBuilder::TaskBuilder(std::string id, std::map<std::string, double> weights)
    : weights_given_(std::move(weights)) {
  spec_.id = std::move(id);
}

void TaskBuilder::SetTime(double physics_step_s, int physics_steps, double horizon_s,
                          WorldOptions options) {
  if (world_ != nullptr) throw TaskError("SetTime is called twice");
  if (!(physics_step_s > 0) || physics_steps < 1 || !(horizon_s >= 0)) {
    throw TaskError(absl::StrCat("SetTime got a physics step of ", physics_step_s, " s, ",
                                 physics_steps, " of them in a control step and a horizon of ",
                                 horizon_s, " s; expected > 0, >= 1 and >= 0"));
  }
  physics_steps_ = physics_steps;
  spec_.control_period_s = physics_step_s * physics_steps;
  spec_.horizon = std::llround(horizon_s / spec_.control_period_s);
  options.time_step_s = physics_step_s;
  world_ = std::make_unique<BulletWorld>(options);
}

BulletWorld& TaskBuilder::world() {
  if (world_ == nullptr) throw TaskError("SetTime must come before anything is added to the world");
  return *world_;
}

std::string TaskBuilder::FindModel(absl::string_view name, absl::string_view runfiles_path) {
  auto folder = FindModelFolder(name, runfiles_path);
  if (!folder.ok()) throw TaskError(std::string(folder.status().message()));
  return *std::move(folder);
}

std::shared_ptr<const BodyModel> TaskBuilder::LoadUrdf(const std::string& path,
                                                       const UrdfOptions& options) {
  auto model = LoadUrdfOnce(path, options);
  if (!model.ok()) throw TaskError(std::string(model.status().message()));
  return *std::move(model);
}

Body* TaskBuilder::AddBody(std::shared_ptr<const BodyModel> model, const BodyOptions& options) {
  return world().AddBody(std::move(model), options);
}

void TaskBuilder::SetAction(int size, double low, double high) {
  if (size < 1) throw TaskError(absl::StrCat("SetAction got a size of ", size, "; expected >= 1"));
  SetAction(std::vector<double>(size, low), std::vector<double>(size, high));
}

void TaskBuilder::SetAction(std::vector<double> low, std::vector<double> high) {
  CheckBounds("the action", low, high);
  spec_.action = ActionSpec();
  spec_.action.low = std::move(low);
  spec_.action.high = std::move(high);
}

void TaskBuilder::SetDiscreteAction(int choices) {
  spec_.action = ActionSpec();
  spec_.action.choices = {choices};
}

Field TaskBuilder::AddField(absl::string_view name, int size, double low, double high) {
  if (size < 1) {
    throw TaskError(absl::StrCat("field '", name, "' has a size of ", size, "; expected >= 1"));
  }
  FieldSpec field;
  field.name = std::string(name);
  field.shape = {size};
  if (low != -kUnbounded || high != kUnbounded) {
    field.low = {low};
    field.high = {high};
  }
  return AddField(std::move(field));
}

Field TaskBuilder::AddField(absl::string_view name, std::vector<double> low,
                            std::vector<double> high) {
  CheckBounds(absl::StrCat("field '", name, "'"), low, high);
  FieldSpec field;
  field.name = std::string(name);
  field.shape = {static_cast<int64_t>(low.size())};
  field.low = std::move(low);
  field.high = std::move(high);
  return AddField(std::move(field));
}

Field TaskBuilder::AddField(FieldSpec field) {
  spec_.observation.push_back(std::move(field));
  return {static_cast<int>(spec_.observation.size()) - 1};
}

Field TaskBuilder::AddPictureField(absl::string_view name, SceneCamera camera) {
  camera.name = std::string(name);
  if (absl::Status status = CheckCamera(camera); !status.ok()) {
    throw TaskError(std::string(status.message()));
  }
  const Field field = AddField(PictureField(name, camera));
  pictures_.push_back({field.index, std::move(camera)});
  return field;
}

void TaskBuilder::SetMirror(Field field, std::vector<int64_t> source, std::vector<int64_t> sign) {
  if (field.index < 0 || field.index >= static_cast<int>(spec_.observation.size())) {
    throw TaskError("SetMirror got a field that AddField has not made");
  }
  const auto size = static_cast<size_t>(spec_.observation[field.index].size());
  if (source.size() != size || sign.size() != size) {
    throw TaskError(absl::StrCat("SetMirror got ", source.size(), " sources and ", sign.size(),
                                 " signs for the ", size, " elements of field '",
                                 spec_.observation[field.index].name, "'"));
  }
  const int64_t first = FirstElement(spec_, field.index);
  if (!spec_.mirror.has_value()) spec_.mirror.emplace();
  SignedPermutation& all = spec_.mirror->observation;
  if (all.source.size() < first + size) {
    all.source.resize(first + size, kUndeclared);
    all.sign.resize(first + size, 1);
  }
  for (size_t i = 0; i < size; ++i) {
    all.source[first + i] = first + source[i];
    all.sign[first + i] = sign[i];
  }
}

void TaskBuilder::SetActionMirror(std::vector<int64_t> source, std::vector<int64_t> sign) {
  if (!spec_.mirror.has_value()) spec_.mirror.emplace();
  spec_.mirror->action = {std::move(source), std::move(sign)};
}

void TaskBuilder::SetGoal(Field achieved, Field desired, const GoalOptions& options) {
  const int fields = static_cast<int>(spec_.observation.size());
  for (Field field : {achieved, desired}) {
    if (field.index < 0 || field.index >= fields) {
      throw TaskError("SetGoal got a field that AddField has not made");
    }
    if (spec_.observation[field.index].dtype != v1::DTYPE_FLOAT32) {
      throw TaskError(absl::StrCat("SetGoal got the field '", spec_.observation[field.index].name,
                                   "', which is a picture; goals are float32"));
    }
  }
  goal_fields_ = {achieved.index, desired.index};
  goal_options_ = options;
  spec_.reports_success = true;
  GoalSpec goal = spec_.goal.value_or(GoalSpec());
  goal.achieved_field = spec_.observation[achieved.index].name;
  goal.desired_field = spec_.observation[desired.index].name;
  spec_.goal = std::move(goal);
}

void TaskBuilder::AddGoalExtra(absl::string_view name, int size) {
  if (!spec_.goal.has_value()) throw TaskError("SetGoal must come before AddGoalExtra");
  FieldSpec field;
  field.name = std::string(name);
  field.shape = {size};
  spec_.goal->extra.push_back(std::move(field));
}

RewardTerm TaskBuilder::AddReward(absl::string_view name, double weight) {
  const auto given = weights_given_.find(std::string(name));
  weights_.push_back(given == weights_given_.end() ? weight : given->second);
  reward_names_.emplace_back(name);
  reward_metrics_.push_back(
      AddMetricNamed(absl::StrCat("reward/", name), v1::MetricSpec::AGGREGATION_SUM).index);
  return {static_cast<int>(weights_.size()) - 1};
}

void TaskBuilder::SetRewardBounds(double low, double high) {
  spec_.reward_low = low;
  spec_.reward_high = high;
}

Termination TaskBuilder::AddTermination(absl::string_view name, double reward) {
  termination_rewards_.push_back(reward);
  termination_metrics_.push_back(
      AddMetricNamed(absl::StrCat("terminated/", name), v1::MetricSpec::AGGREGATION_LAST).index);
  return {static_cast<int>(termination_rewards_.size()) - 1};
}

Metric TaskBuilder::AddMetric(absl::string_view name, v1::MetricSpec::Aggregation aggregation) {
  return AddMetricNamed(std::string(name), aggregation);
}

Metric TaskBuilder::AddMetricNamed(std::string name, v1::MetricSpec::Aggregation aggregation) {
  spec_.metrics.push_back({std::move(name), aggregation});
  return {static_cast<int>(spec_.metrics.size()) - 1};
}

Parameter TaskBuilder::AddParameter(absl::string_view name, double low, double high,
                                    double initial) {
  spec_.parameters.push_back({std::string(name), low, high, initial});
  return {static_cast<int>(spec_.parameters.size()) - 1};
}

Marker TaskBuilder::AddMarker(absl::string_view name, std::vector<SceneShape> shapes) {
  markers_.push_back(std::move(shapes));
  marker_names_.emplace_back(name);
  return {static_cast<int>(markers_.size()) - 1};
}

void TaskBuilder::AddCamera(SceneCamera camera) {
  if (absl::Status status = CheckCamera(camera); !status.ok()) {
    throw TaskError(std::string(status.message()));
  }
  cameras_.push_back(std::move(camera));
}

void TaskBuilder::CheckComplete() const {
  if (world_ == nullptr) throw TaskError("Build must call SetTime");
  if (spec_.action.size() == 0) throw TaskError("Build must call SetAction");
  if (spec_.observation.empty()) throw TaskError("Build must call AddField");
  if (!goal_fields_.empty() && !weights_.empty()) {
    throw TaskError("a task with a goal has GoalReward, and so no reward terms");
  }
  if (!goal_fields_.empty() && !termination_rewards_.empty()) {
    // Hindsight replay asks again which steps end an episode; it could not know these.
    throw TaskError("a task with a goal ends by success or by its horizon, not by a termination");
  }
  if (spec_.mirror.has_value()) CheckMirrorComplete();
  for (const auto& [name, weight] : weights_given_) {
    bool is_term = false;
    for (const std::string& term : reward_names_) is_term = is_term || term == name;
    if (is_term) continue;
    throw TaskError(absl::StrCat(
        "unknown key 'reward.", name, "'; ",
        reward_names_.empty()
            ? "this environment has no reward terms"
            : absl::StrCat("its reward terms are ", absl::StrJoin(reward_names_, ", "))));
  }
}

void TaskBuilder::CheckMirrorComplete() const {
  if (spec_.mirror->action.source.empty()) {
    throw TaskError("Build calls SetMirror, so it must call SetActionMirror");
  }
  const std::vector<int64_t>& source = spec_.mirror->observation.source;
  for (size_t field = 0; field < spec_.observation.size(); ++field) {
    const auto first = static_cast<size_t>(FirstElement(spec_, static_cast<int>(field)));
    if (first < source.size() && source[first] != kUndeclared) continue;
    throw TaskError(absl::StrCat("the task declares a mirror image, but not of field '",
                                 spec_.observation[field].name,
                                 "'; call SetMirror for every field"));
  }
}

}  // namespace armature
