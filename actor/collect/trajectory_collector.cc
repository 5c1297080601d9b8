#include "actor/collect/trajectory_collector.h"

#include <algorithm>
#include <utility>

namespace armature {

TrajectoryCollector::TrajectoryCollector(const std::vector<Group>& groups, const EnvSpec& env,
                                         int64_t unroll_length)
    : Collector(groups, env), unroll_length_(unroll_length) {
  for (const Group& group : groups) {
    groups_.push_back(
        {State::kIdle, /*has_session=*/false, group.size,
         TrajectoryCutter(unroll_length, group.size, env.observation_size(), env.action.size()),
         v1::CollectGrant()});
  }
}

int64_t TrajectoryCollector::recording() const {
  return std::count_if(groups_.begin(), groups_.end(),
                       [](const GroupState& group) { return group.state == State::kRecording; });
}

bool TrajectoryCollector::PrepareToAct(size_t group, uint64_t policy_version, int64_t room) {
  GroupState& state = groups_[group];
  if (state.state == State::kRecording) return true;
  if (state.state != State::kGranted || policy_version < state.grant.policy_version_min()) {
    return false;
  }
  // Every trajectory that has begun reserves one unacknowledged batch.
  if (recording() + static_cast<int64_t>(complete_.size()) >= room) return false;
  state.state = State::kRecording;
  state.cutter.Begin();
  return true;
}

void TrajectoryCollector::OnActions(size_t group, const GroupActions& actions) {
  groups_[group].cutter.OnAction(actions);
}

void TrajectoryCollector::Cut(size_t group, const DecodedStep& step, absl::Time /*now*/) {
  GroupState& state = groups_[group];
  state.has_session = true;
  state.cutter.OnStep(step);
  if (step.step == 0 && state.state == State::kRecording) state.state = State::kGranted;
  if (state.state == State::kIdle) state.state = State::kReady;
  if (!state.cutter.complete()) return;
  v1::ExperienceBatch batch;
  *batch.mutable_trajectory() = state.cutter.Take();
  batch.mutable_trajectory()->set_grant_id(state.grant.grant_id());
  TakeCounts(&batch);
  complete_.push_back(std::move(batch));
  state.state = State::kReady;
}

std::vector<v1::ExperienceBatch> TrajectoryCollector::Take(int64_t /*room*/, absl::Time /*now*/) {
  return std::exchange(complete_, {});  // PrepareToAct has respected `room`.
}

std::vector<v1::ExperienceBatch> TrajectoryCollector::Flush() {
  return std::exchange(complete_, {});
}

std::vector<v1::CollectRequest> TrajectoryCollector::TakeRequests() {
  std::vector<v1::CollectRequest> requests;
  for (size_t group = 0; group < groups_.size(); ++group) {
    if (groups_[group].state != State::kReady) continue;
    groups_[group].state = State::kRequested;
    v1::CollectRequest request;
    request.set_group(group);
    request.set_steps(static_cast<uint32_t>(unroll_length_ * groups_[group].size));
    requests.push_back(request);
  }
  return requests;
}

void TrajectoryCollector::OnGrant(const v1::CollectGrant& grant) {
  // A group that did not ask cannot use the grant; the learner will take it back.
  if (grant.group() >= groups_.size()) return;
  GroupState& state = groups_[grant.group()];
  if (state.state != State::kRequested) return;
  state.state = State::kGranted;
  state.grant = grant;
}

std::vector<uint64_t> TrajectoryCollector::grants_at_work() const {
  std::vector<uint64_t> grants;
  for (const GroupState& group : groups_) {
    const bool is_granted = group.state == State::kGranted || group.state == State::kRecording;
    if (is_granted && group.has_session) grants.push_back(group.grant.grant_id());
  }
  return grants;
}

void TrajectoryCollector::OnStreamReopened() {
  for (GroupState& group : groups_) {
    if (group.state == State::kRequested || group.state == State::kGranted) {
      group.state = State::kReady;
    }
  }
}

bool TrajectoryCollector::waits_for_grant() const {
  return std::any_of(groups_.begin(), groups_.end(),
                     [](const GroupState& group) { return group.state == State::kRequested; });
}

}  // namespace armature
