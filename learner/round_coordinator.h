// Reproducible runs: a round begins when the trainer has opened it and every actor
// stands ready, and is granted to all at once.
//
// An actor that leaves once rounds have begun breaks the run: what it had collected
// cannot be collected again but from the last checkpoint on.
// Thread safety: all methods.
#ifndef ARMATURE_LEARNER_ROUND_COORDINATOR_H_
#define ARMATURE_LEARNER_ROUND_COORDINATOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "learner/collect_coordinator.h"

namespace armature {

class RoundCoordinator final : public CollectCoordinator {
 public:
  struct Options {
    int64_t actors = 1;
    int64_t steps_per_actor = 1;  // Env steps of one round.
    // Grants are numbered from here on: a resumed run repeats no number.
    uint64_t last_grant_id = 0;
  };
  explicit RoundCoordinator(const Options& options)
      : options_(options), last_grant_id_(options.last_grant_id) {}

  // OK; InvalidArgument: `steps` is not steps_per_actor; FailedPrecondition: all
  // actors of the run are there already.
  absl::Status Request(uint64_t stream, uint64_t group, int64_t steps) override;
  void StreamClosed(uint64_t stream) override;
  void Arrived(uint64_t /*grant_id*/, int64_t /*steps*/) override {}
  std::vector<Grant> Issue(absl::Time now) override;

  // From the trainer. The next round is with the policy of this version, which is the
  // newest and stays so; `seed` as in CollectGrant.
  void Open(uint64_t policy_version, std::optional<uint64_t> seed);

  // The run cannot go on to what it would have been.
  void Break(const std::string& why);
  // OK; Aborted: it is broken (says why).
  absl::Status Check() const;

  // Whom the trainer waits for, as a sentence.
  std::string Waiting() const;

 private:
  struct Round {
    uint64_t policy_version = 0;
    std::optional<uint64_t> seed;
  };

  const Options options_;
  mutable absl::Mutex mutex_;
  std::vector<uint64_t> waiting_ ABSL_GUARDED_BY(mutex_);  // Streams.
  std::optional<Round> opened_ ABSL_GUARDED_BY(mutex_);    // Not granted yet.
  bool begun_ ABSL_GUARDED_BY(mutex_) = false;             // Some round was granted.
  uint64_t last_grant_id_ ABSL_GUARDED_BY(mutex_);
  std::string broken_ ABSL_GUARDED_BY(mutex_);  // Why; empty: it is not.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_ROUND_COORDINATOR_H_
