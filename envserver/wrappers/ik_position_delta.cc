// Makes an action of an arm's joints one of its tool: by how much to move it, in the world's axes.
//
// Facts: the new action is the tool's displacement, 3 components in m within +-limit_m, from where
// the tool is now, then what the inner action has beside the arm, e.g. a gripper's. Inverse
// kinematics (damped least squares, iterations_max, from the present joints) gives joints within
// their limits; ArmActions::SetJointGoal sends the arm there. If it cannot get there in a step, all
// joints make the same share of their way, so that the tool goes in the direction asked for.
// orientation: the tool is turned
// - `reset`: as at the episode's first observation;
// - `fixed`: as `quaternion` says;
// - `free`: as little as the displacement takes.
//
// The inverse kinematics has failed if the error exceeds residual_max (m; rad if the orientation is
// held): metric "ik_failures". on_failure: `nearest` goes where it ended, `zero` stays.
// The executed action: where the joints were sent, as a displacement; if the inner environment
// reports what it executed, the displacement that the tool has made and the rest of that.
//
// Differs: human-robot-gym scales the joints' changes by 0.2 once more.
// Refused: environments that do not say what arm their actions move; a tool that other joints move.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/config/config.h"
#include "envserver/bullet/body.h"
#include "envserver/wrappers/bounds.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/register_wrapper.h"
#include "envserver/wrappers/tool_solver.h"

namespace armature {
namespace {

btQuaternion ToQuaternion(const std::vector<std::string>& words) {
  std::array<double, 4> parts = {};
  bool ok = words.size() == 4;
  double square = 0;
  for (size_t i = 0; ok && i < 4; ++i) {
    ok = absl::SimpleAtod(words[i], &parts[i]) && std::isfinite(parts[i]);
    square += parts[i] * parts[i];
  }
  if (!ok || square < 1e-6) {
    throw WrapperError(absl::StrCat("quaternion is [", absl::StrJoin(words, ", "),
                                    "]; expected four numbers x, y, z, w that are not all 0"));
  }
  return btQuaternion(parts[0], parts[1], parts[2], parts[3]).normalized();
}

class IkPositionDelta : public EnvWrapper, private ArmActions {
 public:
  struct Config {
    double limit_m = 0.15;
    std::string orientation = "reset";
    std::vector<std::string> quaternion = {"0", "0", "0", "1"};
    int64_t iterations_max = 50;
    double residual_max = 1e-3;
    std::string on_failure = "nearest";
    void Visit(ConfigVisitor& v) {
      v.Field("limit_m", limit_m, "The largest displacement of each axis in a step.", MoreThan(0));
      v.Field("orientation", orientation,
              "The tool's: as at the reset, fixed by quaternion, or free.",
              OneOf({"reset", "fixed", "free"}));
      v.Field("quaternion", quaternion, "orientation: fixed. The tool's in the world, x, y, z, w.");
      v.Field("iterations_max", iterations_max, "Of the inverse kinematics.", Between(1, 10000));
      v.Field("residual_max", residual_max,
              "Error, m and rad, above which the inverse kinematics has failed.", MoreThan(0));
      v.Field("on_failure", on_failure, "Where to go then: as near as was found, or nowhere.",
              OneOf({"nearest", "zero"}));
    }
  };

  IkPositionDelta(std::unique_ptr<Env> env, int place, const Config& config)
      : EnvWrapper(std::move(env), place),
        config_(config),
        arm_(NeedArm(inner())),
        solver_(&arm_, static_cast<int>(config.iterations_max)),
        components_(arm_, spec().action) {
    NeedBox();
    EnvSpec& spec = mutable_spec();
    const ActionSpec from = spec.action;
    spec.action = ActionSpec();
    spec.action.low.assign(3, -config.limit_m);
    spec.action.high.assign(3, config.limit_m);
    for (int i : components_.rest) {
      spec.action.low.push_back(from.low[i]);
      spec.action.high.push_back(from.high[i]);
    }
    spec.mirror.reset();
    inner_reports_ = spec.reports_executed_action;
    spec.reports_executed_action = true;
    spec.metrics.push_back({"ik_failures", v1::MetricSpec::AGGREGATION_SUM});
    limit_ = FloatAtMost(config.limit_m);
    for (size_t i = 0; i < from.low.size(); ++i) {
      inner_action_.push_back(static_cast<float>((from.low[i] + from.high[i]) / 2));
    }
    inner_executed_ = asked_ = inner_action_;
    if (config.orientation == "fixed") rotation_ = ToQuaternion(config.quaternion);
    for (auto* joints : {&joints_, &goal_, &reached_}) joints->resize(arm_.dofs().size());
  }

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    start_ = solver_.Pose().getOrigin();
    has_failed_ = !Convert(action, &inner_action_);
    arm_.JointGoal(inner_action_, absl::MakeSpan(reached_));
    sent_ = solver_.Pose(reached_).getOrigin();
    return inner().Step(inner_action_, observation);
  }

  void ReadMetrics(absl::Span<float> metrics) const override {
    inner().ReadMetrics(metrics.subspan(0, metrics.size() - 1));
    metrics.back() = has_failed_ ? 1 : 0;
  }

  void ReadExecutedAction(absl::Span<float> action) const override {
    if (inner_reports_) {
      inner().ReadExecutedAction(absl::MakeSpan(inner_executed_));
    } else {
      inner_executed_ = inner_action_;
    }
    WriteDisplacement((inner_reports_ ? solver_.Pose().getOrigin() : sent_) - start_, action);
    for (size_t i = 0; i < components_.rest.size(); ++i) {
      action[3 + i] = inner_executed_[components_.rest[i]];
    }
  }

  ArmActions* arm() override { return this; }

 protected:
  void Begin(uint64_t seed, Observation& observation) override {
    inner().Reset(seed, observation);
    if (config_.orientation == "reset") rotation_ = solver_.Pose().getRotation();
  }

  void Keep(StateArchive& state) override {
    if (config_.orientation != "reset") return;
    btQuaternion rotation = rotation_.value_or(btQuaternion::getIdentity());
    state.Keep(rotation);
    rotation_ = rotation;
  }

 private:
  // What wrappers around this one know: the arm, moved by displacements.
  Body& body() override { return arm_.body(); }
  absl::Span<const int> dofs() const override { return arm_.dofs(); }
  int tool_link() const override { return arm_.tool_link(); }
  void JointGoal(absl::Span<const float> action, absl::Span<double> goal) const override {
    Convert(action, &asked_);
    arm_.JointGoal(asked_, goal);
  }
  void SetJointGoal(absl::Span<const double> goal, absl::Span<float> action) const override {
    WriteDisplacement(solver_.Pose(goal).getOrigin() - solver_.Pose().getOrigin(), action);
  }

  bool has_script() const override { return arm_.has_script(); }
  void ScriptedAction(absl::Span<float> action) override {
    arm_.ScriptedAction(absl::MakeSpan(asked_));
    arm_.JointGoal(asked_, absl::MakeSpan(goal_));
    WriteDisplacement(solver_.Pose(goal_).getOrigin() - solver_.Pose().getOrigin(), action);
    for (size_t i = 0; i < components_.rest.size(); ++i) {
      action[3 + i] = asked_[components_.rest[i]];
    }
  }

  void WriteDisplacement(const btVector3& displacement, absl::Span<float> action) const {
    for (int i = 0; i < 3; ++i) {
      action[i] = std::clamp(static_cast<float>(displacement[i]), -limit_, limit_);
    }
  }

  // Writes the inner environment's action. Returns whether the inverse kinematics got there.
  bool Convert(absl::Span<const float> action, std::vector<float>* out) const {
    for (size_t i = 0; i < components_.rest.size(); ++i) {
      (*out)[components_.rest[i]] = action[3 + i];
    }
    solver_.Joints(absl::MakeSpan(joints_));
    const btVector3 target =
        solver_.Pose().getOrigin() + btVector3(action[0], action[1], action[2]);
    const bool ok = solver_.Solve(target, rotation_, absl::MakeSpan(goal_)) <= config_.residual_max;
    if (!ok && config_.on_failure == "zero") goal_ = joints_;
    arm_.SetJointGoal(goal_, absl::MakeSpan(*out));
    arm_.JointGoal(*out, absl::MakeSpan(reached_));
    double share = 1;
    for (size_t i = 0; i < goal_.size(); ++i) {
      const double way = goal_[i] - joints_[i];
      if (std::abs(way) < 1e-6) continue;
      share = std::min(share, (reached_[i] - joints_[i]) / way);
    }
    // An arm that is not moved joint by joint may have gone elsewhere: then as it can.
    if (share > 0 && share < 1) {
      for (size_t i = 0; i < goal_.size(); ++i) {
        goal_[i] = joints_[i] + share * (goal_[i] - joints_[i]);
      }
      arm_.SetJointGoal(goal_, absl::MakeSpan(*out));
    }
    return ok;
  }

  const Config config_;
  ArmActions& arm_;
  ToolSolver solver_;
  ArmComponents components_;
  bool inner_reports_ = false;
  float limit_ = 0;
  absl::optional<btQuaternion> rotation_;  // Absent: free.
  // Of the last step.
  bool has_failed_ = false;
  btVector3 start_ = btVector3(0, 0, 0);  // The tool before it,
  btVector3 sent_ = btVector3(0, 0, 0);   // and where the joints were sent.
  std::vector<float> inner_action_;
  // Scratch.
  mutable std::vector<float> inner_executed_;
  mutable std::vector<float> asked_;
  // Scratch.  [dofs]
  mutable std::vector<double> joints_;
  mutable std::vector<double> goal_;
  mutable std::vector<double> reached_;
};

}  // namespace

absl::Status RegisterIkPositionDelta(EnvRegistry& registry) {
  return RegisterWrapper<IkPositionDelta>(
      registry, "ik_position_delta",
      "Makes actions of joints displacements of the tool, by inverse kinematics.");
}

}  // namespace armature
