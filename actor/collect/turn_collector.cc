#include "actor/collect/turn_collector.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/tensor/packed.h"

namespace armature {
namespace {

// Interleaves tensors that each consist of `steps` equal parts: all first parts, then all second
// parts, ... `shape` is the shape of the result.
v1::Tensor JoinSteps(int64_t steps, const std::vector<int64_t>& shape,
                     const std::vector<const v1::Tensor*>& tensors) {
  v1::Tensor joined;
  joined.set_dtype(tensors.front()->dtype());
  for (int64_t extent : shape) joined.add_shape(static_cast<uint32_t>(extent));
  std::string& packed = *joined.mutable_packed();
  for (int64_t step = 0; step < steps; ++step) {
    for (const v1::Tensor* tensor : tensors) {
      const size_t bytes = tensor->packed().size() / steps;
      packed.append(tensor->packed(), step * bytes, bytes);
    }
  }
  return joined;
}

template <typename Batch>
std::vector<const v1::Tensor*> Each(const std::vector<Batch>& batches,
                                    const v1::Tensor& (Batch::*member)() const) {
  std::vector<const v1::Tensor*> tensors;
  for (const Batch& batch : batches) tensors.push_back(&(batch.*member)());
  return tensors;
}

// Each group's final observations are in row-major order of its own [T, n]; this puts them in the
// order of all slots.
v1::Tensor JoinFinals(int64_t steps, int64_t observation_size,
                      const std::vector<v1::TrajectoryBatch>& parts) {
  std::vector<float> joined;
  std::vector<size_t> next(parts.size());
  for (int64_t step = 0; step < steps; ++step) {
    for (size_t i = 0; i < parts.size(); ++i) {
      const absl::Span<const uint8_t> terminated = TensorValues<uint8_t>(parts[i].terminated());
      const absl::Span<const uint8_t> truncated = TensorValues<uint8_t>(parts[i].truncated());
      const absl::Span<const float> finals = TensorValues<float>(parts[i].final_observation());
      const size_t slots = terminated.size() / steps;
      for (size_t at = step * slots; at < (step + 1) * slots; ++at) {
        if ((terminated[at] | truncated[at]) == 0) continue;
        const auto row = finals.subspan(next[i]++ * observation_size, observation_size);
        joined.insert(joined.end(), row.begin(), row.end());
      }
    }
  }
  v1::Tensor tensor;
  const int64_t rows = static_cast<int64_t>(joined.size()) / observation_size;
  SetTensor<float>({rows, observation_size}, joined, &tensor);
  return tensor;
}

}  // namespace

TurnCollector::TurnCollector(const std::vector<Group>& groups, const Options& options)
    : Collector(groups, options.env),
      options_(options),
      observation_size_(options.env.observation_size()),
      action_size_(options.env.action.size()) {
  for (const Group& group : groups) {
    groups_.push_back(
        {false, 0, TransitionCutter(group.first_slot, options.env, options.actions),
         TransitionBuffer(options.env),
         TrajectoryCutter(options.turn_length, group.size, observation_size_, action_size_)});
    num_slots_ += group.size;
  }
}

bool TurnCollector::PrepareToAct(size_t group, uint64_t policy_version, int64_t room) {
  const GroupState& state = groups_[group];
  if (state_ != State::kRecording || state.steps == options_.turn_length) return false;
  // No policy is published during a turn, so the newest one stays the same.
  return policy_version >= grant_.policy_version_min() && room > 0;
}

void TurnCollector::OnActions(size_t group, const GroupActions& actions) {
  GroupState& state = groups_[group];
  if (options_.trajectories) {
    state.trajectory_cutter.OnAction(actions);
  } else {
    state.transition_cutter.OnAction(actions);
  }
}

void TurnCollector::Cut(size_t group, const DecodedStep& step, absl::Time /*now*/) {
  GroupState& state = groups_[group];
  if (options_.trajectories) {
    state.trajectory_cutter.OnStep(step);
  } else {
    state.transition_cutter.OnStep(step, &state.transitions);
  }
  if (step.step > 0) ++state.steps;
  state.ready = step.step == 0 || state.steps == options_.turn_length;
  const bool all_ready = std::all_of(groups_.begin(), groups_.end(),
                                     [](const GroupState& other) { return other.ready; });
  if (!all_ready) return;
  if (state_ == State::kGathering && grant_.grant_id() != 0) {
    BeginTurn();
    return;
  }
  if (state_ == State::kRecording) complete_.push_back(JoinGroups());
  grant_.Clear();
  request_due_ = state_ != State::kRequested;
  state_ = State::kRequested;
}

void TurnCollector::BeginTurn() {
  state_ = State::kRecording;
  for (GroupState& group : groups_) {
    group.ready = false;
    group.steps = 0;
    if (options_.trajectories) group.trajectory_cutter.Begin();
  }
}

v1::ExperienceBatch TurnCollector::JoinGroups() {
  v1::ExperienceBatch batch;
  if (options_.trajectories) {
    *batch.mutable_trajectory() = JoinTrajectories();
  } else {
    *batch.mutable_transitions() = JoinTransitions();
  }
  SortEpisodes();
  TakeCounts(&batch);
  return batch;
}

v1::TransitionBatch TurnCollector::JoinTransitions() {
  const int64_t steps = options_.turn_length, rows = steps * num_slots_;
  std::vector<v1::TransitionBatch> parts;
  for (GroupState& group : groups_)
    parts.push_back(group.transitions.Take(group.transitions.size()));
  using Part = v1::TransitionBatch;
  v1::TransitionBatch joined;
  *joined.mutable_observation() =
      JoinSteps(steps, {rows, observation_size_}, Each(parts, &Part::observation));
  *joined.mutable_action() = JoinSteps(steps, {rows, action_size_}, Each(parts, &Part::action));
  *joined.mutable_reward() = JoinSteps(steps, {rows}, Each(parts, &Part::reward));
  *joined.mutable_next_observation() =
      JoinSteps(steps, {rows, observation_size_}, Each(parts, &Part::next_observation));
  if (parts.front().has_goal_extra()) {
    *joined.mutable_goal_extra() =
        JoinSteps(steps, {rows, options_.env.goal->extra_size()}, Each(parts, &Part::goal_extra));
  }
  *joined.mutable_terminated() = JoinSteps(steps, {rows}, Each(parts, &Part::terminated));
  *joined.mutable_truncated() = JoinSteps(steps, {rows}, Each(parts, &Part::truncated));
  *joined.mutable_slot() = JoinSteps(steps, {rows}, Each(parts, &Part::slot));
  *joined.mutable_policy_version() = JoinSteps(steps, {rows}, Each(parts, &Part::policy_version));
  return joined;
}

v1::TrajectoryBatch TurnCollector::JoinTrajectories() {
  const int64_t steps = options_.turn_length;
  std::vector<v1::TrajectoryBatch> parts;
  for (GroupState& group : groups_) parts.push_back(group.trajectory_cutter.Take());
  using Part = v1::TrajectoryBatch;
  v1::TrajectoryBatch joined;
  *joined.mutable_observation() = JoinSteps(steps + 1, {steps + 1, num_slots_, observation_size_},
                                            Each(parts, &Part::observation));
  *joined.mutable_action() =
      JoinSteps(steps, {steps, num_slots_, action_size_}, Each(parts, &Part::action));
  const std::vector<int64_t> shape = {steps, num_slots_};
  *joined.mutable_reward() = JoinSteps(steps, shape, Each(parts, &Part::reward));
  *joined.mutable_terminated() = JoinSteps(steps, shape, Each(parts, &Part::terminated));
  *joined.mutable_truncated() = JoinSteps(steps, shape, Each(parts, &Part::truncated));
  *joined.mutable_valid() = JoinSteps(steps, shape, Each(parts, &Part::valid));
  *joined.mutable_behaviour_log_prob() =
      JoinSteps(steps, shape, Each(parts, &Part::behaviour_log_prob));
  *joined.mutable_final_observation() = JoinFinals(steps, observation_size_, parts);
  joined.set_policy_version(parts.front().policy_version());
  joined.set_grant_id(grant_.grant_id());
  return joined;
}

std::vector<v1::ExperienceBatch> TurnCollector::Take(int64_t /*room*/, absl::Time /*now*/) {
  return std::exchange(complete_, {});  // PrepareToAct has respected `room`.
}

std::vector<v1::ExperienceBatch> TurnCollector::Flush() { return std::exchange(complete_, {}); }

std::vector<v1::CollectRequest> TurnCollector::TakeRequests() {
  if (!std::exchange(request_due_, false)) return {};
  v1::CollectRequest request;
  request.set_steps(static_cast<uint32_t>(options_.turn_length * num_slots_));
  return {request};
}

void TurnCollector::OnGrant(const v1::CollectGrant& grant) {
  if (state_ != State::kRequested) return;
  grant_ = grant;
  if (!grant.has_seed()) {
    BeginTurn();
    return;
  }
  seed_ = grant.seed();
  state_ = State::kGathering;
  for (GroupState& group : groups_) group.ready = false;
}

std::optional<uint64_t> TurnCollector::TakeSeed(uint64_t policy_version) {
  if (policy_version < grant_.policy_version_min()) return std::nullopt;
  return std::exchange(seed_, std::nullopt);
}

}  // namespace armature
