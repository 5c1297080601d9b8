#include "envserver/wrappers/imitation.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "envserver/wrappers/bounds.h"

namespace armature {
namespace {

constexpr double kArtanhOfHalf = 0.54930614433405484570;

// 0 if the share is 0, whatever the value.
double Share(double share, double value) { return share == 0 ? 0 : share * value; }

}  // namespace

double Similarity(const std::string& kind, double distance, double iota) {
  const double ratio = distance / iota;
  if (kind == "tanh") return 1 - std::tanh(kArtanhOfHalf * ratio);
  return std::exp2(-ratio * ratio);
}

double ImitationReward(const ImitationConfig& config, double motion, bool has_gripper,
                       double gripper) {
  const double similar = Similarity(config.similarity, motion, config.iota_motion);
  if (!has_gripper) return similar;
  return config.beta * similar +
         (1 - config.beta) * Similarity(config.similarity, gripper, config.iota_gripper);
}

ImitationWrapper::ImitationWrapper(std::unique_ptr<Env> env, int place, const std::string& kind,
                                   const ImitationConfig& config)
    : EnvWrapper(std::move(env), place),
      config_(config),
      expert_(MakeExpert(config.expert, inner())) {
  NeedBox();
  EnvSpec& spec = mutable_spec();
  spec.reward_low = FloatAtMost(Share(1 - config.alpha, spec.reward_low));
  spec.reward_high = FloatAtLeast(config.alpha + Share(1 - config.alpha, spec.reward_high));
  spec.metrics.push_back(
      {absl::StrCat(kind, "_imitation/reward"), v1::MetricSpec::AGGREGATION_MEAN});
  spec.metrics.push_back(
      {absl::StrCat(kind, "_imitation/task_reward"), v1::MetricSpec::AGGREGATION_SUM});
  if (!spec.goal.has_value()) return;
  FieldSpec extra;
  extra.name = absl::StrCat(kind, "_imitation");
  extra.shape = {static_cast<int64_t>(extra_.size())};
  spec.goal->extra.push_back(std::move(extra));
}

float ImitationWrapper::Reward(float task, float imitation) const {
  return static_cast<float>(config_.alpha * imitation + (1 - config_.alpha) * task);
}

StepResult ImitationWrapper::Mix(StepResult step, double imitation, bool ends) {
  extra_ = {static_cast<float>(imitation), ends ? 1.0f : 0.0f};
  task_reward_ = step.reward;
  step.reward = Reward(step.reward, extra_[0]);
  step.terminated = step.terminated || ends;
  return step;
}

absl::Status ImitationWrapper::ComputeReward(const GoalPairs& goals, absl::Span<float> reward,
                                             absl::Span<uint8_t> terminated) const {
  if (!spec().goal.has_value()) return inner().ComputeReward(goals, reward, terminated);
  const size_t own = extra_.size();
  const size_t all = spec().goal->extra_size();
  const size_t others = all - own;
  std::vector<float> inner_extra;
  inner_extra.reserve(reward.size() * others);
  for (size_t i = 0; i < reward.size(); ++i) {
    const absl::Span<const float> row = goals.extra.subspan(i * all, others);
    inner_extra.insert(inner_extra.end(), row.begin(), row.end());
  }
  GoalPairs inner_goals = goals;
  inner_goals.extra = inner_extra;
  absl::Status status = inner().ComputeReward(inner_goals, reward, terminated);
  if (!status.ok()) return status;
  for (size_t i = 0; i < reward.size(); ++i) {
    const absl::Span<const float> row = goals.extra.subspan(i * all + others, own);
    reward[i] = Reward(reward[i], row[0]);
    if (row[1] != 0) terminated[i] = 1;
  }
  return status;
}

void ImitationWrapper::ReadMetrics(absl::Span<float> metrics) const {
  const size_t others = metrics.size() - 2;
  inner().ReadMetrics(metrics.subspan(0, others));
  metrics[others] = extra_[0];
  metrics[others + 1] = task_reward_;
}

void ImitationWrapper::ReadGoalExtra(absl::Span<float> extra) const {
  if (!spec().goal.has_value()) return;
  const size_t others = extra.size() - extra_.size();
  inner().ReadGoalExtra(extra.subspan(0, others));
  std::copy(extra_.begin(), extra_.end(), extra.begin() + others);
}

}  // namespace armature
