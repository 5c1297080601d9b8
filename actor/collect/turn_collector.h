// For reproducible runs: all slots of the actor collect in turns of T steps each.
//
// When all groups are ready, it requests one grant. Then every group records T steps at its own
// pace. The turn becomes one batch, whose order does not depend on how slots are divided into
// groups, nor on which group was faster. Between turns all groups wait. A grant with a seed first
// makes the slots start over: see TakeSeed.
// Call order: as Collector; after TakeSeed returns a seed, every group gets a step 0.
// Thread safety: compatible.
#ifndef ARMATURE_ACTOR_COLLECT_TURN_COLLECTOR_H_
#define ARMATURE_ACTOR_COLLECT_TURN_COLLECTOR_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "actor/collect/action_source.h"
#include "actor/collect/collector.h"
#include "actor/collect/trajectory_cutter.h"
#include "actor/collect/transition_buffer.h"
#include "actor/collect/transition_cutter.h"
#include "common/spec/env_spec.h"

namespace armature {

class TurnCollector final : public Collector {
 public:
  struct Options {
    bool trajectories = false;  // Otherwise transitions.
    EnvSpec env;
    int64_t turn_length = 1;                      // T
    std::shared_ptr<const ActionSource> actions;  // Of transitions.
  };
  // `groups` must be in ascending order of their slots, without gaps.
  TurnCollector(const std::vector<Group>& groups, const Options& options);

  bool PrepareToAct(size_t group, uint64_t policy_version, int64_t room) override;
  void OnActions(size_t group, const GroupActions& actions) override;
  std::vector<v1::ExperienceBatch> Take(int64_t room, absl::Time now) override;
  // Returns complete turns only.
  std::vector<v1::ExperienceBatch> Flush() override;
  std::vector<v1::CollectRequest> TakeRequests() override;
  void OnGrant(const v1::CollectGrant& grant) override;
  bool waits_for_grant() const override { return state_ == State::kRequested; }
  // The seed with which all slots must start over now; returned once.
  std::optional<uint64_t> TakeSeed(uint64_t policy_version) override;

 private:
  // kGathering -> kRequested -> (kGathering ->) kRecording -> kRequested ...
  enum class State { kGathering, kRequested, kRecording };
  struct GroupState {
    bool ready = false;  // Waiting for the turn's first step.
    int64_t steps = 0;   // In this turn.
    TransitionCutter transition_cutter;
    TransitionBuffer transitions;
    TrajectoryCutter trajectory_cutter;
  };

  void Cut(size_t group, const DecodedStep& step, absl::Time now) override;
  void BeginTurn();
  v1::ExperienceBatch JoinGroups();
  v1::TransitionBatch JoinTransitions();
  v1::TrajectoryBatch JoinTrajectories();

  const Options options_;
  const int64_t observation_size_;
  const int64_t action_size_;
  std::vector<GroupState> groups_;
  int64_t num_slots_ = 0;
  State state_ = State::kGathering;
  bool request_due_ = false;
  v1::CollectGrant grant_;        // Of this turn; id 0: none.
  std::optional<uint64_t> seed_;  // For TakeSeed.
  std::vector<v1::ExperienceBatch> complete_;
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_COLLECT_TURN_COLLECTOR_H_
