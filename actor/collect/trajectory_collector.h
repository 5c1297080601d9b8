// On-policy collection. A group that is ready requests a grant. It records T steps once it has a
// grant, a policy as new as the grant demands, and room for the batch. Between trajectories it
// waits.
//
// A group that loses its session keeps its grant and uses it again.
// Thread safety: compatible.
#ifndef ARMATURE_ACTOR_COLLECT_TRAJECTORY_COLLECTOR_H_
#define ARMATURE_ACTOR_COLLECT_TRAJECTORY_COLLECTOR_H_

#include <cstdint>
#include <vector>

#include "actor/collect/collector.h"
#include "actor/collect/trajectory_cutter.h"
#include "common/spec/env_spec.h"

namespace armature {

class TrajectoryCollector final : public Collector {
 public:
  TrajectoryCollector(const std::vector<Group>& groups, const EnvSpec& env, int64_t unroll_length);

  bool PrepareToAct(size_t group, uint64_t policy_version, int64_t room) override;
  void OnActions(size_t group, const GroupActions& actions) override;
  std::vector<v1::ExperienceBatch> Take(int64_t room, absl::Time now) override;
  // Returns complete trajectories only; unfinished ones are dropped.
  std::vector<v1::ExperienceBatch> Flush() override;
  std::vector<v1::CollectRequest> TakeRequests() override;
  void OnGrant(const v1::CollectGrant& grant) override;
  void OnLost(size_t group) override { groups_[group].has_session = false; }
  std::vector<uint64_t> grants_at_work() const override;
  void OnStreamReopened() override;
  bool waits_for_grant() const override;

 private:
  // kIdle -> kReady (a step came) -> kRequested -> kGranted -> kRecording -> kReady.
  enum class State { kIdle, kReady, kRequested, kGranted, kRecording };
  struct GroupState {
    State state = State::kIdle;
    bool has_session = false;
    int64_t size = 0;
    TrajectoryCutter cutter;
    v1::CollectGrant grant;  // Set in kGranted and kRecording.
  };

  void Cut(size_t group, const DecodedStep& step, absl::Time now) override;
  int64_t recording() const;

  const int64_t unroll_length_;
  std::vector<GroupState> groups_;
  std::vector<v1::ExperienceBatch> complete_;
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_COLLECT_TRAJECTORY_COLLECTOR_H_
