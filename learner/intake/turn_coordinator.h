// For reproducible runs. A turn begins once the trainer has opened it and every actor is ready; all
// actors get their grants at once.
//
// The actors of the first turn belong to the run. If one of them leaves, the run is broken, because
// its experience can only be collected again by resuming from the last checkpoint. Other actors may
// come and go.
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
  // Does nothing: a turn waits for its actors as long as they are connected.
  void Renew(const ActorKey&, const std::vector<uint64_t>&, absl::Time) override {}
  absl::Status Arrived(const ActorKey& actor, uint64_t grant_id, int64_t steps) override;
  std::vector<Grant> Issue(absl::Time now) override;
  int64_t granted_steps() const override;

  // Called by the trainer. The next turn uses this policy version, which must be the newest and
  // stay so. `seed` is as in CollectGrant.
  void Open(uint64_t policy_version, std::optional<uint64_t> seed);

  // Whether `actor` is one of the run's actors.
  bool TakesPart(const ActorKey& actor) const;

  // Marks the run as broken: it can no longer be reproducible.
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
  // The run's actors by stream, and their grants without an answer so far. Set once a turn was
  // granted.
  std::map<uint64_t, ActorKey> members_ ABSL_GUARDED_BY(mutex_);
  std::map<ActorKey, uint64_t> granted_ ABSL_GUARDED_BY(mutex_);
  std::string broken_ ABSL_GUARDED_BY(mutex_);  // The reason; empty if not broken.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_INTAKE_TURN_COORDINATOR_H_
