// Replaces an action that would bring the arm into the static scene or into itself.
//
// Facts: looks at the pose where the action sends the joints (ArmActions::JointGoal), not at the
// way there; see PoseQuery for what touches what. replace_type, as in human-robot-gym:
// - 0: the arm stays where it is; the rest of the action, e.g. a gripper's, is kept.
// - 1: the first of `samples` random actions that collides with nothing; if all do, as 0.
// - 2: the nearest of them that collide with nothing, each component divided by its range.
//
// Where the arm stays it may touch what it touches now. Metric "action_resamples": replaced
// actions.
// The executed action: the inner environment's; if that reports none, the one that it was given.
//
// Differs: upstream's zero action stops the gripper too, and is a jump where actions are positions.
// Refused: environments that do not say what arm their actions move, or without a Bullet world.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "common/config/config.h"
#include "envserver/bullet/pose_query.h"
#include "envserver/wrappers/bounds.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/register_wrapper.h"
#include "envserver/wrappers/tool_solver.h"

namespace armature {
namespace {

class CollisionPrevention : public EnvWrapper {
 public:
  struct Config {
    int64_t replace_type = 0;
    int64_t samples = 20;
    double margin_m = 0;
    void Visit(ConfigVisitor& v) {
      v.Field(
          "replace_type", replace_type,
          "By what a colliding action is replaced. 0: the arm stays; 1: a random action; 2: the "
          "nearest of random actions.",
          Between(0, 2));
      v.Field("samples", samples, "Random actions that are tried.", Between(1, 1000));
      v.Field("margin_m", margin_m, "What is at most this far apart collides.", Between(0, 1));
    }
  };

  CollisionPrevention(std::unique_ptr<Env> env, int place, const Config& config)
      : EnvWrapper(std::move(env), place),
        config_(config),
        arm_(NeedArm(inner())),
        query_(NeedWorld(), &arm_.body(), arm_.dofs(), config.margin_m),
        goal_(arm_.dofs().size()) {
    NeedBox();
    const ActionSpec& action = spec().action;
    for (size_t i = 0; i < action.low.size(); ++i) {
      low_.push_back(FloatAtLeast(action.low[i]));
      high_.push_back(FloatAtMost(action.high[i]));
    }
    chosen_.resize(action.low.size());
    sample_.resize(action.low.size());
    inner_reports_ = spec().reports_executed_action;
    mutable_spec().reports_executed_action = true;
    mutable_spec().metrics.push_back({"action_resamples", v1::MetricSpec::AGGREGATION_SUM});
  }

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    std::copy(action.begin(), action.end(), chosen_.begin());
    is_replaced_ = Collides(action);
    if (is_replaced_ && !(config_.replace_type > 0 && Sample(action))) Stay();
    return inner().Step(chosen_, observation);
  }

  void ReadMetrics(absl::Span<float> metrics) const override {
    inner().ReadMetrics(metrics.subspan(0, metrics.size() - 1));
    metrics.back() = is_replaced_ ? 1 : 0;
  }

  void ReadExecutedAction(absl::Span<float> action) const override {
    if (inner_reports_) return inner().ReadExecutedAction(action);
    std::copy(chosen_.begin(), chosen_.end(), action.begin());
  }

 protected:
  void Begin(uint64_t seed, Observation& observation) override {
    inner().Reset(seed, observation);
    query_.LeaveOutTouching();
  }

  void Keep(StateArchive& state) override { state.Keep(query_.pair_counts()); }

 private:
  bool Collides(absl::Span<const float> action) {
    arm_.JointGoal(action, absl::MakeSpan(goal_));
    return query_.Touches(goal_);
  }

  void Stay() {
    for (size_t i = 0; i < goal_.size(); ++i) {
      goal_[i] = arm_.body().joint_position(arm_.dofs()[i]);
    }
    arm_.SetJointGoal(goal_, absl::MakeSpan(chosen_));
  }

  // Returns false if every random action collides; else sets chosen_.
  bool Sample(absl::Span<const float> action) {
    double nearest = std::numeric_limits<double>::infinity();
    for (int64_t k = 0; k < config_.samples; ++k) {
      double square = 0;
      for (size_t i = 0; i < sample_.size(); ++i) {
        sample_[i] =
            std::clamp(static_cast<float>(rng().Uniform(low_[i], high_[i])), low_[i], high_[i]);
        const double share = (sample_[i] - action[i]) / (high_[i] - low_[i]);
        square += share * share;
      }
      if (square >= nearest || Collides(sample_)) continue;
      nearest = square;
      std::copy(sample_.begin(), sample_.end(), chosen_.begin());
      if (config_.replace_type == 1) return true;
    }
    return nearest < std::numeric_limits<double>::infinity();
  }

  const Config config_;
  ArmActions& arm_;
  PoseQuery query_;
  bool inner_reports_ = false;
  std::vector<float> low_;
  std::vector<float> high_;
  std::vector<float> chosen_;  // The last action that the inner environment was given.
  std::vector<float> sample_;
  std::vector<double> goal_;
  bool is_replaced_ = false;  // In the last step.
};

}  // namespace

absl::Status RegisterCollisionPrevention(EnvRegistry& registry) {
  return RegisterWrapper<CollisionPrevention>(
      registry, "collision_prevention",
      "Replaces actions that would bring the arm into the scene or itself.");
}

}  // namespace armature
