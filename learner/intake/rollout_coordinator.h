// Decides when each group of environments may start an unroll, so that actors collect exactly the
// trajectories of the next set, with a policy that is fresh enough.
//
// Data flow: CollectRequest -> Request; Issue -> CollectGrant; Heartbeat -> Renew; TrajectoryBatch
// -> Arrived; trainer -> Consumed.
// Granted, queued and buffered steps never exceed (1 + max_policy_lag) sets, except by the last
// unroll's surplus. A grant lapses if its stream breaks or its actor reports no work on it for
// grant_timeout. Its steps are then granted to others, so a dead or hung actor delays a set but
// never blocks it. An unroll may take any time while its actor works on it. Late answers to lapsed
// grants are accepted too.
// Bounds: `slots` groups per stream wait; the last kLapsedMax lapsed grants are remembered.
// Thread safety: all methods.
#ifndef ARMATURE_LEARNER_INTAKE_ROLLOUT_COORDINATOR_H_
#define ARMATURE_LEARNER_INTAKE_ROLLOUT_COORDINATOR_H_

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "learner/intake/collect_coordinator.h"

namespace armature {

class RolloutCoordinator final : public CollectCoordinator {
 public:
  struct Options {
    int64_t rollout_steps = 1;
    int64_t unroll_length = 1;
    int64_t max_policy_lag = 0;
    int64_t slots = 1;  // Per actor.
    absl::Duration grant_timeout = absl::Seconds(30);
  };
  static constexpr size_t kLapsedMax = 1000;

  explicit RolloutCoordinator(const Options& options) : options_(options) {}

  // A group is ready. Repeating a request changes nothing. Returns InvalidArgument if `group` is
  // not less than the slots of an actor, or if `steps` is not a positive multiple of unroll_length
  // up to rollout_steps.
  absl::Status Request(uint64_t stream, const ActorKey& actor, uint64_t group,
                       int64_t steps) override;

  // Drops the stream's requests; its grants lapse.
  void StreamClosed(uint64_t stream) override;

  void Renew(const ActorKey& actor, const std::vector<uint64_t>& grant_ids,
             absl::Time now) override;

  // Each grant can be answered once.
  absl::Status Arrived(const ActorKey& actor, uint64_t grant_id, int64_t steps) override;

  // Nothing is granted before the first version.
  void Consumed(int64_t steps, int64_t buffered, uint64_t newest_version) override;

  // Lapses overdue grants, then grants what is needed, in the order of requests.
  std::vector<Grant> Issue(absl::Time now) override;

  void Finish() override;
  absl::Time next_deadline() const override;
  int64_t granted_steps() const override;
  uint64_t lapsed_grants() const override;

  int64_t waiting_groups() const;

 private:
  struct Waiting {
    uint64_t stream = 0;
    ActorKey actor;
    uint64_t group = 0;
    int64_t steps = 0;
  };
  struct Open {
    uint64_t stream = 0;
    ActorKey actor;
    int64_t steps = 0;
    absl::Time deadline;
  };
  using OpenGrants = std::map<uint64_t, Open>;  // By grant id.

  OpenGrants::iterator Lapse(OpenGrants::iterator grant) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int64_t StepsUnderWay() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  mutable absl::Mutex mutex_;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  // (stream, group) of `waiting_`.
  std::set<std::pair<uint64_t, uint64_t>> known_ ABSL_GUARDED_BY(mutex_);
  OpenGrants open_ ABSL_GUARDED_BY(mutex_);
  OpenGrants lapsed_ ABSL_GUARDED_BY(mutex_);  // Not answered yet.
  std::deque<uint64_t> lapsed_order_ ABSL_GUARDED_BY(mutex_);
  int64_t granted_steps_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t queued_steps_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t buffered_steps_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t newest_version_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t lapsed_grants_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_INTAKE_ROLLOUT_COORDINATOR_H_
