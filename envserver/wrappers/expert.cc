#include "envserver/wrappers/expert.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "envserver/bullet/body.h"
#include "envserver/wrappers/bounds.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/expert_policy.h"
#include "envserver/wrappers/observation_fields.h"
#include "envserver/wrappers/tensor_file_once.h"
#include "envserver/wrappers/tool_solver.h"

namespace armature {
namespace {

constexpr char kDemonstrations[] = "armature demonstrations";
constexpr int kIterations = 50;

class ScriptedExpert : public Expert {
 public:
  ScriptedExpert(const ExpertConfig& config, Env& env)
      : arm_(NeedArm(env)),
        solver_(&arm_, kIterations),
        is_tool_(config.goal_is.rfind("tool", 0) == 0),
        is_difference_(config.goal_is.find("difference") != std::string::npos),
        goal_(env.spec(), "expert.goal", GoalNames(config, env.spec())),
        goal_values_(goal_.size()),
        joints_(arm_.dofs().size()) {
    const int64_t expected = is_tool_ ? 3 : static_cast<int64_t>(joints_.size());
    if (goal_.size() != expected) {
      throw WrapperError(absl::StrCat("expert.goal has ", goal_.size(),
                                      " elements; goal_is: ", config.goal_is, " needs ", expected));
    }
    // At rest, where 0 is within the bounds.
    const ActionSpec& action = env.spec().action;
    for (size_t i = 0; i < action.low.size(); ++i) {
      rest_.push_back(std::clamp(0.0f, FloatAtLeast(action.low[i]), FloatAtMost(action.high[i])));
    }
  }

  bool Act(int64_t, Observation& observation, absl::Span<float> action) override {
    std::copy(rest_.begin(), rest_.end(), action.begin());
    goal_.Read(observation, absl::MakeSpan(goal_values_));
    if (is_tool_) {
      btVector3 place(goal_values_[0], goal_values_[1], goal_values_[2]);
      if (is_difference_) place += solver_.Pose().getOrigin();
      solver_.Solve(place, /*rotation=*/{}, absl::MakeSpan(joints_));
    } else {
      solver_.Joints(absl::MakeSpan(joints_));
      for (size_t i = 0; i < joints_.size(); ++i) {
        joints_[i] = goal_values_[i] + (is_difference_ ? joints_[i] : 0);
      }
    }
    arm_.SetJointGoal(joints_, action);
    return true;
  }

 private:
  static std::vector<std::string> GoalNames(const ExpertConfig& config, const EnvSpec& spec) {
    if (!config.goal.empty()) return config.goal;
    if (spec.goal.has_value()) return {spec.goal->desired_field};
    throw WrapperError(absl::StrCat(spec.id,
                                    " has no goal of its own; expert.goal must say which "
                                    "observed elements are the goal"));
  }

  ArmActions& arm_;
  const ToolSolver solver_;
  const bool is_tool_;
  const bool is_difference_;
  const ObservationElements goal_;
  std::vector<double> goal_values_;
  std::vector<double> joints_;
  std::vector<float> rest_;
};

class TaskExpert : public Expert {
 public:
  explicit TaskExpert(Env& env) : arm_(NeedArm(env)) {
    if (!arm_.has_script()) {
      throw WrapperError(
          absl::StrCat(env.spec().id, " has no script; expert.type: task needs one"));
    }
  }

  bool Act(int64_t, Observation&, absl::Span<float> action) override {
    arm_.ScriptedAction(action);
    return true;
  }

 private:
  ArmActions& arm_;
};

class PolicyExpert : public Expert {
 public:
  PolicyExpert(const ExpertConfig& config, Env& env) : policy_(config.path, env.spec()) {}

  bool Act(int64_t, Observation& observation, absl::Span<float> action) override {
    policy_.Act(observation, action);
    return true;
  }

 private:
  ExpertPolicy policy_;
};

class RecordedExpert : public Expert {
 public:
  RecordedExpert(const ExpertConfig& config, Env& env)
      : file_(ReadTensorFileOnce(config.path, kDemonstrations)), spec_(env.spec()) {
    const StoredTensor* reward = file_->FindAny("reward");
    const int64_t n = reward == nullptr || reward->shape.size() != 1 ? 0 : reward->shape[0];
    if (n == 0) throw WrapperError(absl::StrCat(file_->path, ": it holds no step"));
    for (const FieldSpec& field : spec_.observation) {
      std::vector<int64_t> shape = {n};
      shape.insert(shape.end(), field.shape.begin(), field.shape.end());
      observation_.push_back(&file_->Find(absl::StrCat("observation.", field.name), "F32", shape));
      next_observation_.push_back(
          &file_->Find(absl::StrCat("next_observation.", field.name), "F32", shape));
    }
    action_ = &file_->Find("action", "F32", {n, spec_.action.size()});
    const StoredTensor& terminated = file_->Find("terminated", "U8", {n});
    const StoredTensor& truncated = file_->Find("truncated", "U8", {n});
    CheckFinite(n);
    for (int64_t row = 0, begin = 0; row < n; ++row) {
      const bool is_last = row + 1 == n || ElementOf<uint8_t>(terminated, row) != 0 ||
                           ElementOf<uint8_t>(truncated, row) != 0;
      if (!is_last) continue;
      episodes_.emplace_back(begin, row + 1);
      begin = row + 1;
    }
    for (size_t i = 0; i < spec_.action.low.size(); ++i) {
      low_.push_back(FloatAtLeast(spec_.action.low[i]));
      high_.push_back(FloatAtMost(spec_.action.high[i]));
    }
  }

  void Begin(Observation& first) override {
    double nearest = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < episodes_.size(); ++i) {
      const double distance = SquareDistance(episodes_[i].first, first);
      if (distance >= nearest) continue;
      nearest = distance;
      chosen_ = static_cast<int64_t>(i);
    }
  }

  bool Act(int64_t step, Observation&, absl::Span<float> action) override {
    const auto [begin, end] = episodes_[chosen_];
    if (begin + step >= end) return false;
    for (size_t i = 0; i < action.size(); ++i) action[i] = Action(begin + step, i);
    return true;
  }

  bool ReadEpisode(const ObservationElements& elements, RecordedEpisode* episode) override {
    const auto [begin, end] = episodes_[chosen_];
    episode->steps = end - begin;
    episode->action.clear();
    episode->elements.clear();
    for (int64_t row = begin; row < end; ++row) {
      for (size_t i = 0; i < low_.size(); ++i) episode->action.push_back(Action(row, i));
      AddElements(elements, observation_, row, episode);
    }
    AddElements(elements, next_observation_, end - 1, episode);
    return true;
  }

  void Keep(StateArchive& state) override {
    state.Keep(chosen_);
    state.Check(chosen_ >= 0 && chosen_ < static_cast<int64_t>(episodes_.size()));
  }

 private:
  using Tensors = std::vector<const StoredTensor*>;

  void CheckFinite(int64_t n) const {
    Tensors all = observation_;
    all.insert(all.end(), next_observation_.begin(), next_observation_.end());
    all.push_back(action_);
    for (const StoredTensor* tensor : all) {
      const auto size = static_cast<int64_t>(tensor->bytes.size() / sizeof(float));
      for (int64_t i = 0; i < size; ++i) {
        if (std::isfinite(ElementOf<float>(*tensor, i))) continue;
        throw WrapperError(absl::StrCat(file_->path, ": tensor ", tensor->name, " of ", n,
                                        " steps is not finite"));
      }
    }
  }

  float Action(int64_t row, size_t i) const {
    const auto size = static_cast<int64_t>(low_.size());
    return std::clamp(ElementOf<float>(*action_, row * size + static_cast<int64_t>(i)), low_[i],
                      high_[i]);
  }

  double SquareDistance(int64_t row, Observation& observation) const {
    double sum = 0;
    for (size_t f = 0; f < observation_.size(); ++f) {
      if (!IsFloatField(spec_.observation[f])) continue;
      const int64_t size = spec_.observation[f].size();
      VisitFloats(spec_.observation[f], static_cast<int>(f), observation, [&](auto values) {
        for (int64_t i = 0; i < size; ++i) {
          const double difference = values[i] - ElementOf<float>(*observation_[f], row * size + i);
          sum += difference * difference;
        }
      });
    }
    return sum;
  }

  void AddElements(const ObservationElements& elements, const Tensors& tensors, int64_t row,
                   RecordedEpisode* episode) const {
    for (const ObservationElements::Run& run : elements.runs()) {
      const int64_t size = spec_.observation[run.field].size();
      for (int64_t i = run.begin; i < run.end; ++i) {
        episode->elements.push_back(ElementOf<float>(*tensors[run.field], row * size + i));
      }
    }
  }

  const std::shared_ptr<const SharedTensorFile> file_;
  const EnvSpec spec_;
  Tensors observation_;  // By field.
  Tensors next_observation_;
  const StoredTensor* action_ = nullptr;
  std::vector<std::pair<int64_t, int64_t>> episodes_;  // Rows: first, after the last.
  std::vector<float> low_;
  std::vector<float> high_;
  int64_t chosen_ = 0;
};

}  // namespace

std::unique_ptr<Expert> MakeExpert(const ExpertConfig& config, Env& env) {
  if (config.type == "task") return std::make_unique<TaskExpert>(env);
  if (config.type == "policy") return std::make_unique<PolicyExpert>(config, env);
  if (config.type == "recorded") return std::make_unique<RecordedExpert>(config, env);
  return std::make_unique<ScriptedExpert>(config, env);
}

}  // namespace armature
