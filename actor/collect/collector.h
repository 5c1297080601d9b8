// How steps become experience batches, in one of the learner's two collect modes,
// TransitionCollector or TrajectoryCollector, or in rounds of either: RoundCollector.
//
// Data flow: OnStep -> (PrepareToAct -> policy -> OnActions) -> ... -> Take.
// Groups are numbered 0 .. as in SessionPool::groups().
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
#include "proto/learner_service.pb.h"

namespace armature {

class Collector {
 public:
  struct Group {
    int64_t first_slot;
    int64_t size;
  };

  explicit Collector(const std::vector<Group>& groups);
  virtual ~Collector() = default;

  // A step of `group`; step 0: the group's session begins anew, what was not
  // complete is dropped. Returns how many episodes ended.
  int64_t OnStep(size_t group, const DecodedStep& step, absl::Time now);

  // Whether `group`, whose last step is not answered, may act now with a policy of
  // this version; `room`: how many more batches the learner takes. What it needs to
  // record the action is prepared.
  virtual bool PrepareToAct(size_t group, uint64_t policy_version, int64_t room) = 0;
  // The action that answers the last step, after PrepareToAct.
  virtual void OnActions(size_t group, const GroupActions& actions) = 0;

  // Batches that are due, `room` at most.
  virtual std::vector<v1::ExperienceBatch> Take(int64_t room, absl::Time now) = 0;
  // All that is left, whole.
  virtual std::vector<v1::ExperienceBatch> Flush() = 0;
  // When Take has something if nothing else happens.
  virtual absl::Time NextDeadline() const { return absl::InfiniteFuture(); }

  // Grants that are to be asked for now, each once.
  virtual std::vector<v1::CollectRequest> TakeRequests() { return {}; }
  virtual void OnGrant(const v1::CollectGrant& /*grant*/) {}
  // The session of `group` is gone; a step 0 begins the next.
  virtual void OnLost(size_t /*group*/) {}
  // Ids of the grants whose groups have a session.
  virtual std::vector<uint64_t> grants_at_work() const { return {}; }
  // The learner has forgotten what was asked and granted; steps in progress stay.
  virtual void OnStreamReopened() {}
  // Whether some group stands ready and has no grant.
  virtual bool waits_for_grant() const { return false; }
  // Given: all slots are to begin new episodes, and every generator anew, with this
  // seed; each such order once.
  virtual std::optional<uint64_t> TakeSeed() { return std::nullopt; }

 protected:
  virtual void Cut(size_t group, const DecodedStep& step, absl::Time now) = 0;

  // Moves the episodes, counts and last fault since the last batch into `batch`.
  void TakeCounts(v1::ExperienceBatch* batch);
  // Whether some step since the last batch was void.
  bool has_void_steps() const { return counts_.restarted_slots() > 0; }

 private:
  std::vector<EpisodeTracker> trackers_;
  v1::ExperienceBatch counts_;  // Episodes, restarted_slots and fault only.
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_COLLECT_COLLECTOR_H_
