#include "learner/intake/experience_check.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/tensor/packed.h"

namespace armature {
namespace {

// Far more slots than any actor replaces between two batches.
constexpr uint64_t kRestartedSlotsMax = 1 << 20;
constexpr size_t kFaultBytesMax = 1024;
// Relative tolerance of a return: rewards are sent as float32 and summed.
constexpr double kReturnTolerance = 1e-4;

using Shape = absl::Span<const int64_t>;

// Size of dimension `axis` of a tensor of any shape; 0 if it has fewer dimensions.
int64_t Extent(const v1::Tensor& tensor, int axis) {
  return axis < tensor.shape_size() ? tensor.shape(axis) : 0;
}

absl::Status CheckFloats(const v1::Tensor& tensor, Shape shape, const char* name) {
  return CheckTensor(tensor, v1::DTYPE_FLOAT32, shape, name);
}

absl::Status CheckAction(const ActionSpec& spec, const v1::Tensor& action, Shape shape,
                         const char* name) {
  if (!spec.is_discrete()) return absl::OkStatus();
  const absl::Span<const float> values = TensorValues<float>(action);
  const int64_t i = FindBadChoice(spec, values);
  if (i < 0) return absl::OkStatus();
  const int64_t choices = spec.choices[i % spec.size()];
  return absl::InvalidArgumentError(absl::StrCat(name, FormatIndex(i, shape), "=", values[i],
                                                 " is none of the ", choices, " choices 0 .. ",
                                                 choices - 1));
}

absl::Status NewerThanPublished(const std::string& where, uint64_t version,
                                uint64_t newest_version) {
  return absl::OutOfRangeError(absl::StrCat(
      where, "=", version, " is newer than the newest published version ", newest_version));
}

absl::Status CheckTransitions(const ExperienceSchema& schema, uint64_t newest_version,
                              const v1::TransitionBatch& batch) {
  const int64_t n = Extent(batch.reward(), 0);
  if (n < 1 || n > schema.transitions_per_batch) {
    return absl::InvalidArgumentError(absl::StrCat(
        "transitions.reward has ", n, " rows, expected 1 .. ", schema.transitions_per_batch));
  }
  const int64_t d = schema.observation_size;
  const int64_t a = schema.action.size();
  absl::Status status = CheckFloats(batch.observation(), {n, d}, "transitions.observation");
  status.Update(CheckFloats(batch.action(), {n, a}, "transitions.action"));
  status.Update(CheckFloats(batch.reward(), {n}, "transitions.reward"));
  status.Update(CheckFloats(batch.next_observation(), {n, d}, "transitions.next_observation"));
  if (schema.goal_extra_size > 0) {
    status.Update(
        CheckFloats(batch.goal_extra(), {n, schema.goal_extra_size}, "transitions.goal_extra"));
  } else if (batch.has_goal_extra()) {
    status.Update(absl::InvalidArgumentError(
        "transitions.goal_extra is set, but the environment has no such fields"));
  }
  status.Update(CheckFlags(batch.terminated(), {n}, "transitions.terminated"));
  status.Update(CheckFlags(batch.truncated(), {n}, "transitions.truncated"));
  status.Update(CheckTensor(batch.slot(), v1::DTYPE_INT32, {n}, "transitions.slot"));
  status.Update(
      CheckTensor(batch.policy_version(), v1::DTYPE_INT64, {n}, "transitions.policy_version"));
  if (!status.ok()) return status;
  if (absl::Status action =
          CheckAction(schema.action, batch.action(), {n, a}, "transitions.action");
      !action.ok()) {
    return action;
  }
  const absl::Span<const int32_t> slots = TensorValues<int32_t>(batch.slot());
  for (int64_t i = 0; i < n; ++i) {
    if (slots[i] >= 0 && slots[i] < schema.slots) continue;
    return absl::InvalidArgumentError(absl::StrCat("transitions.slot[", i, "]=", slots[i],
                                                   ", but an actor has ", schema.slots,
                                                   " slots: expected 0 .. ", schema.slots - 1));
  }
  const absl::Span<const int64_t> versions = TensorValues<int64_t>(batch.policy_version());
  for (int64_t i = 0; i < n; ++i) {
    const std::string where = absl::StrCat("transitions.policy_version[", i, "]");
    if (versions[i] < 0) {
      return absl::InvalidArgumentError(absl::StrCat(where, "=", versions[i], " is negative"));
    }
    if (static_cast<uint64_t>(versions[i]) > newest_version) {
      return NewerThanPublished(where, versions[i], newest_version);
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTrajectory(const ExperienceSchema& schema, uint64_t newest_version,
                             const v1::TrajectoryBatch& batch) {
  const int64_t t = schema.unroll_length;
  const int64_t b = Extent(batch.reward(), 1);
  const int64_t columns_max = std::min(schema.slots, schema.rollout_steps / t);
  if (b < 1 || b > columns_max) {
    return absl::InvalidArgumentError(absl::StrCat("trajectory.reward has ", b, " columns of ", t,
                                                   " steps, expected 1 .. ", columns_max,
                                                   " columns"));
  }
  const int64_t d = schema.observation_size;
  const int64_t a = schema.action.size();
  absl::Status status = CheckFloats(batch.observation(), {t + 1, b, d}, "trajectory.observation");
  status.Update(CheckFloats(batch.action(), {t, b, a}, "trajectory.action"));
  status.Update(CheckFloats(batch.reward(), {t, b}, "trajectory.reward"));
  status.Update(CheckFlags(batch.terminated(), {t, b}, "trajectory.terminated"));
  status.Update(CheckFlags(batch.truncated(), {t, b}, "trajectory.truncated"));
  status.Update(CheckFlags(batch.valid(), {t, b}, "trajectory.valid"));
  status.Update(CheckFloats(batch.behaviour_log_prob(), {t, b}, "trajectory.behaviour_log_prob"));
  if (!status.ok()) return status;
  if (absl::Status action =
          CheckAction(schema.action, batch.action(), {t, b, a}, "trajectory.action");
      !action.ok()) {
    return action;
  }
  const absl::Span<const uint8_t> terminated = TensorValues<uint8_t>(batch.terminated());
  const absl::Span<const uint8_t> truncated = TensorValues<uint8_t>(batch.truncated());
  int64_t k = 0;
  for (size_t i = 0; i < terminated.size(); ++i) k += (terminated[i] | truncated[i]);
  if (absl::Status finals =
          CheckFloats(batch.final_observation(), {k, d}, "trajectory.final_observation");
      !finals.ok()) {
    return finals;
  }
  if (batch.policy_version() > newest_version) {
    return NewerThanPublished("trajectory.policy_version", batch.policy_version(), newest_version);
  }
  return absl::OkStatus();
}

absl::Status CheckCounts(const ExperienceSchema& schema, const v1::ExperienceBatch& batch) {
  const int64_t episodes_max = ExperienceSteps(batch) + schema.steps_held;
  if (batch.episodes_size() > episodes_max) {
    return absl::InvalidArgumentError(absl::StrCat("episodes: ", batch.episodes_size(),
                                                   " came with ", ExperienceSteps(batch),
                                                   " steps, expected at most ", episodes_max));
  }
  for (int i = 0; i < batch.episodes_size(); ++i) {
    absl::Status status =
        CheckEpisode(schema.episode, batch.episodes(i), absl::StrCat("episodes[", i, "]"));
    if (!status.ok()) return status;
  }
  if (batch.restarted_slots() > kRestartedSlotsMax) {
    return absl::InvalidArgumentError(absl::StrCat("restarted_slots=", batch.restarted_slots(),
                                                   ", expected at most ", kRestartedSlotsMax));
  }
  if (batch.fault().size() > kFaultBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("fault has ", batch.fault().size(),
                                                   " bytes, expected at most ", kFaultBytesMax));
  }
  return absl::OkStatus();
}

absl::Status CheckMetrics(const std::vector<MetricSpec>& metrics, const v1::Episode& episode,
                          absl::string_view name) {
  if (episode.metric_size() != static_cast<int>(metrics.size())) {
    return absl::InvalidArgumentError(absl::StrCat(name, ".metric has ", episode.metric_size(),
                                                   " values, expected ", metrics.size()));
  }
  for (int i = 0; i < episode.metric_size(); ++i) {
    if (std::isfinite(episode.metric(i))) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(name, ".metric[", i, "] (", metrics[i].name, ") is not finite"));
  }
  return absl::OkStatus();
}

absl::Status CheckParameters(const std::vector<ParameterSpec>& parameters,
                             const v1::Episode& episode, absl::string_view name) {
  if (episode.parameter_size() != static_cast<int>(parameters.size())) {
    return absl::InvalidArgumentError(absl::StrCat(name, ".parameter has ",
                                                   episode.parameter_size(), " values, expected ",
                                                   parameters.size()));
  }
  for (int i = 0; i < episode.parameter_size(); ++i) {
    const ParameterSpec& spec = parameters[i];
    const double value = episode.parameter(i);
    if (value >= spec.low && value <= spec.high) continue;  // False for NaN.
    return absl::InvalidArgumentError(absl::StrCat(name, ".parameter[", i, "] (", spec.name,
                                                   ")=", value, ", expected ", spec.low, " .. ",
                                                   spec.high));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckEpisode(const EpisodeBounds& bounds, const v1::Episode& episode,
                          absl::string_view name) {
  if (!std::isfinite(episode.return_sum())) {
    return absl::InvalidArgumentError(absl::StrCat(name, ".return_sum is not finite"));
  }
  const int64_t length = episode.length();
  if (length < 1 || (bounds.horizon > 0 && length > bounds.horizon)) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, ".length=", length, ", expected 1 .. ",
        bounds.horizon > 0 ? absl::StrCat(bounds.horizon, ", the environment's horizon") : "any"));
  }
  const double low = bounds.reward_low * length, high = bounds.reward_high * length;
  const double low_slack = kReturnTolerance * std::max(1.0, std::abs(low));
  const double high_slack = kReturnTolerance * std::max(1.0, std::abs(high));
  if ((std::isfinite(low) && episode.return_sum() < low - low_slack) ||
      (std::isfinite(high) && episode.return_sum() > high + high_slack)) {
    return absl::InvalidArgumentError(absl::StrCat(name, ".return_sum=", episode.return_sum(),
                                                   " of ", length, " steps, expected ", low, " .. ",
                                                   high, " by the environment's reward bounds"));
  }
  if (absl::Status status = CheckMetrics(bounds.metrics, episode, name); !status.ok()) {
    return status;
  }
  return CheckParameters(bounds.parameters, episode, name);
}

int64_t ExperienceSteps(const v1::ExperienceBatch& batch) {
  const v1::Tensor& reward =
      batch.has_transitions() ? batch.transitions().reward() : batch.trajectory().reward();
  return static_cast<int64_t>(reward.packed().size() / sizeof(float));
}

bool IsVoid(const v1::ExperienceBatch& batch) {
  return batch.experience_case() == v1::ExperienceBatch::EXPERIENCE_NOT_SET &&
         batch.restarted_slots() > 0;
}

uint64_t OldestPolicyVersion(const v1::ExperienceBatch& batch) {
  if (IsVoid(batch)) return 0;
  if (batch.has_trajectory()) return batch.trajectory().policy_version();
  const absl::Span<const int64_t> versions =
      TensorValues<int64_t>(batch.transitions().policy_version());
  return *std::min_element(versions.begin(), versions.end());
}

absl::Status CheckExperience(const ExperienceSchema& schema, uint64_t newest_version,
                             const v1::ExperienceBatch& batch) {
  const bool trajectories = schema.mode == v1::COLLECT_MODE_TRAJECTORIES;
  if (!IsVoid(batch) && (trajectories ? !batch.has_trajectory() : !batch.has_transitions())) {
    return absl::InvalidArgumentError(absl::StrCat("experience holds no ",
                                                   trajectories ? "trajectory" : "transitions",
                                                   ", which this run collects"));
  }
  absl::Status status;
  if (!IsVoid(batch)) {
    status = trajectories ? CheckTrajectory(schema, newest_version, batch.trajectory())
                          : CheckTransitions(schema, newest_version, batch.transitions());
  }
  // Only for a batch whose steps can be counted.
  if (status.ok()) status = CheckCounts(schema, batch);
  return status;
}

}  // namespace armature
