// Decides when which group of environments may begin an unroll, so that exactly
// the trajectories of the next set are collected, with a policy fresh enough.
//
// Data flow: CollectRequest -> Request; Issue -> CollectGrant; TrajectoryBatch ->
// Arrived; trainer -> Consumed.
// Steps that are granted, queued and buffered never exceed what (1 +
// max_policy_lag) sets need, but for the last unroll's surplus. A grant whose
// stream broke or that is older than grant_timeout gives its steps back, so a
// dead or hung actor delays a set, but never blocks it.
// Thread safety: all methods.
#ifndef ARMATURE_LEARNER_ROLLOUT_COORDINATOR_H_
#define ARMATURE_LEARNER_ROLLOUT_COORDINATOR_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "learner/collect_coordinator.h"

namespace armature {

class RolloutCoordinator final : public CollectCoordinator {
 public:
  struct Options {
    int64_t rollout_steps = 1;
    int64_t unroll_length = 1;
    int64_t max_policy_lag = 0;
    absl::Duration grant_timeout = absl::Seconds(30);
    // Grants are numbered from here on: a resumed run repeats no number.
    uint64_t last_grant_id = 0;
  };
  static constexpr size_t kWaitingMax = 10000;

  explicit RolloutCoordinator(const Options& options)
      : options_(options), last_grant_id_(options.last_grant_id) {}

  // A group stands ready; the same group again changes nothing.
  // OK; InvalidArgument: `steps` is not a positive multiple of unroll_length, or
  // more than rollout_steps; ResourceExhausted: kWaitingMax groups wait already.
  absl::Status Request(uint64_t stream, uint64_t group, int64_t steps) override;

  // Forgets its requests and gives its grants' steps back.
  void StreamClosed(uint64_t stream) override;

  // A trajectory came: `steps` of it were queued for the trainer (0: refused). The
  // grant may have lapsed.
  void Arrived(uint64_t grant_id, int64_t steps) override;

  // The trainer took `steps` out of the queue, holds `buffered` steps of the next
  // set and has published `newest_version` (0: nothing yet, nothing is granted).
  void Consumed(int64_t steps, int64_t buffered, uint64_t newest_version);

  // Lets old grants lapse, then grants what is needed; in order of the requests.
  std::vector<Grant> Issue(absl::Time now) override;

  // When the oldest grant lapses; InfiniteFuture: none is open.
  absl::Time next_deadline() const;

  int64_t granted_steps() const;
  int64_t waiting_groups() const;
  uint64_t lapsed_grants() const;  // Ever, by time.

 private:
  struct Waiting {
    uint64_t stream = 0;
    uint64_t group = 0;
    int64_t steps = 0;
  };
  struct Open {
    uint64_t stream = 0;
    int64_t steps = 0;
    absl::Time deadline;
  };

  int64_t StepsUnderWay() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  mutable absl::Mutex mutex_;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, Open> open_ ABSL_GUARDED_BY(mutex_);  // By grant id: oldest first.
  uint64_t last_grant_id_ ABSL_GUARDED_BY(mutex_);
  int64_t granted_steps_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t queued_steps_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t buffered_steps_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t newest_version_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t lapsed_grants_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_ROLLOUT_COORDINATOR_H_
