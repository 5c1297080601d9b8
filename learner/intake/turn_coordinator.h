// Reproducible runs: a turn begins when the trainer has opened it and every actor
// stands ready, and is granted to all at once.
//
// The actors of the first turn are those of the run. One that leaves breaks it: what
// it had collected cannot be collected again but from the last checkpoint on. Others
// that come and go disturb nothing.
// Thread safety: all methods.
#ifndef ARMATURE_LEARNER_INTAKE_TURN_COORDINATOR_H_
#define ARMATURE_LEARNER_INTAKE_TURN_COORDINATOR_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "learner/intake/collect_coordinator.h"

namespace armature {

class TurnCoordinator final : public CollectCoordinator {
 public:
  struct Options {
    int64_t actors = 1;
    int64_t steps_per_actor = 1;  // Env steps of one turn.
  };
  explicit TurnCoordinator(const Options& options) : options_(options) {}

  // Returns InvalidArgument if `group` is not 0 or `steps` is not steps_per_actor;
  // FailedPrecondition if the run already has all its actors.
  absl::Status Request(uint64_t stream, const ActorKey& actor, uint64_t group,
                       int64_t steps) override;
  void StreamClosed(uint64_t stream) override;
  // A turn waits for its actors for as long as they are there.
  void Renew(const ActorKey&, const std::vector<uint64_t>&, absl::Time) override {}
  absl::Status Arrived(const ActorKey& actor, uint64_t grant_id, int64_t steps) override;
  std::vector<Grant> Issue(absl::Time now) override;
  int64_t granted_steps() const override;

  // From the trainer. The next turn is with the policy of this version, which is the
  // newest and stays so; `seed` as in CollectGrant.
  void Open(uint64_t policy_version, std::optional<uint64_t> seed);

  // Whether `actor` is one of the run's actors.
  bool TakesPart(const ActorKey& actor) const;

  // Marks the run as broken: it can no longer go as it should.
  void Break(const std::string& why);
  // Returns Aborted, with the reason, if the run is broken.
  absl::Status Check() const;

  // What the trainer waits for, as a sentence.
  std::string Waiting() const;

 private:
  struct Turn {
    uint64_t policy_version = 0;
    std::optional<uint64_t> seed;
  };

  const Options options_;
  mutable absl::Mutex mutex_;
  std::map<uint64_t, ActorKey> waiting_ ABSL_GUARDED_BY(mutex_);  // By stream.
  std::optional<Turn> opened_ ABSL_GUARDED_BY(mutex_);            // Not granted yet.
  // Once some turn was granted: the run's actors by stream, and their grants that are
  // not answered yet.
  std::map<uint64_t, ActorKey> members_ ABSL_GUARDED_BY(mutex_);
  std::map<ActorKey, uint64_t> granted_ ABSL_GUARDED_BY(mutex_);
  std::string broken_ ABSL_GUARDED_BY(mutex_);  // The reason; empty: not broken.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_INTAKE_TURN_COORDINATOR_H_
