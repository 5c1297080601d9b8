// Turns steps into experience batches. One class per collect mode: TransitionCollector and
// TrajectoryCollector; TurnCollector collects turns of either.
//
// Data flow: OnStep -> (PrepareToAct -> policy -> OnActions) -> ... -> Take.
// Groups are numbered from 0, as in SessionPool::groups().
// Thread safety: compatible; no I/O.
#ifndef ARMATURE_ACTOR_COLLECT_COLLECTOR_H_
#define ARMATURE_ACTOR_COLLECT_COLLECTOR_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "common/env_client/step_decoder.h"
#include "common/play/episode_tracker.h"
#include "common/policy/group_actions.h"
#include "common/spec/env_spec.h"
#include "proto/learner_service.pb.h"

namespace armature {

class Collector {
 public:
  struct Group {
    int64_t first_slot;
    int64_t size;
  };

  // `env`: what steps look like.
  Collector(const std::vector<Group>& groups, const EnvSpec& env);
  virtual ~Collector() = default;

  // Takes a step of `group`. Step 0 means that the group's session has started over; incomplete
  // experience is dropped. Returns how many episodes ended.
  int64_t OnStep(size_t group, const DecodedStep& step, absl::Time now);

  // Whether `group`, whose last step has not been answered, may act now with this policy version;
  // prepares recording the action. `room` is how many more batches the learner accepts.
  virtual bool PrepareToAct(size_t group, uint64_t policy_version, int64_t room) = 0;
  // Takes the actions that answer the last step. Call it after PrepareToAct.
  virtual void OnActions(size_t group, const GroupActions& actions) = 0;

  // Returns the batches that are due, at most `room`.
  virtual std::vector<v1::ExperienceBatch> Take(int64_t room, absl::Time now) = 0;
  // Returns all complete batches that are left.
  virtual std::vector<v1::ExperienceBatch> Flush() = 0;
  // When Take will have something, even if nothing else happens.
  virtual absl::Time NextDeadline() const { return absl::InfiniteFuture(); }

  // Returns grants to request now; each only once.
  virtual std::vector<v1::CollectRequest> TakeRequests() { return {}; }
  virtual void OnGrant(const v1::CollectGrant& /*grant*/) {}
  // The session of `group` is lost; the next one begins with step 0.
  virtual void OnLost(size_t /*group*/) {}
  // Ids of the grants whose groups have a session.
  virtual std::vector<uint64_t> grants_at_work() const { return {}; }
  // The learner has forgotten requests and grants; steps in progress are kept.
  virtual void OnStreamReopened() {}
  // Whether a group is ready but has no grant.
  virtual bool waits_for_grant() const { return false; }
  // If set: all slots must begin new episodes, and all generators restart with this seed. Returns
  // each such order once, and not before the newest policy is as new as the order demands, since
  // the episodes need its parameters.
  virtual std::optional<uint64_t> TakeSeed(uint64_t /*policy_version*/) { return std::nullopt; }

 protected:
  virtual void Cut(size_t group, const DecodedStep& step, absl::Time now) = 0;

  // Puts the episodes since the last batch in order of step number, then slot. Otherwise they are
  // in the order in which the groups' steps came.
  void SortEpisodes();
  // Moves episodes, counts and last fault since the last batch into `batch`.
  void TakeCounts(v1::ExperienceBatch* batch);
  // Whether any step since the last batch was void.
  bool has_void_steps() const { return counts_.restarted_slots() > 0; }

 private:
  struct EndedEpisode {
    uint64_t step;  // That ended it.
    int64_t slot;   // The actor's number.
    v1::Episode episode;
  };

  const std::vector<Group> layout_;
  std::vector<EpisodeTracker> trackers_;
  std::vector<EndedEpisode> episodes_;  // Since the last batch.
  v1::ExperienceBatch counts_;          // restarted_slots and fault only.
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_COLLECT_COLLECTOR_H_
