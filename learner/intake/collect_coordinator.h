// Decides when actors may collect. Used by the service's threads and the trainer.
//
// Data flow: CollectRequest -> Request; Issue -> CollectGrant; Heartbeat -> Renew;
// batch -> Arrived.
// A grant belongs to its actor, on whichever stream the actor answers.
// Thread safety: all methods.
#ifndef ARMATURE_LEARNER_INTAKE_COLLECT_COORDINATOR_H_
#define ARMATURE_LEARNER_INTAKE_COLLECT_COORDINATOR_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "learner/intake/actor_key.h"

namespace armature {

class CollectCoordinator {
 public:
  struct Grant {
    uint64_t stream = 0;
    uint64_t group = 0;
    uint64_t grant_id = 0;
    uint64_t policy_version_min = 0;
    std::optional<uint64_t> seed;  // See CollectGrant.
  };

  virtual ~CollectCoordinator() = default;

  // A group is ready. Repeating a request changes nothing. Errors (InvalidArgument,
  // ResourceExhausted or FailedPrecondition, depending on the implementation) end the stream.
  virtual absl::Status Request(uint64_t stream, const ActorKey& actor, uint64_t group,
                               int64_t steps) = 0;

  virtual void StreamClosed(uint64_t stream) = 0;

  // `actor` is working on these grants. Grants of other actors are ignored.
  virtual void Renew(const ActorKey& actor, const std::vector<uint64_t>& grant_ids,
                     absl::Time now) = 0;

  // A batch of `steps` env steps arrived from `actor` in answer to `grant_id`. `steps` is 0 if the
  // content is refused; `grant_id` is 0 for transitions, since they name no grant. If OK, the
  // trainer gets the batch. Returns InvalidArgument if the actor has no such open grant or the size
  // is wrong.
  virtual absl::Status Arrived(const ActorKey& actor, uint64_t grant_id, int64_t steps) = 0;

  // Returns the new grants; each is returned once.
  virtual std::vector<Grant> Issue(absl::Time now) = 0;

  // The rest matters only if grants can lapse or depend on what is already held.

  // The trainer took `steps` out of the queue, holds `buffered` steps of the next set and
  // has published `newest_version` (0: nothing yet).
  virtual void Consumed(int64_t /*steps*/, int64_t /*buffered*/, uint64_t /*newest_version*/) {}

  // Training is over: open grants and waiting requests no longer count. Issue is not called again.
  virtual void Finish() {}

  // When the next grant lapses; InfiniteFuture if none does.
  virtual absl::Time next_deadline() const { return absl::InfiniteFuture(); }

  // Env steps that are granted but have not arrived.
  virtual int64_t granted_steps() const { return 0; }

  // Number of grants that have lapsed because of their deadline.
  virtual uint64_t lapsed_grants() const { return 0; }
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_INTAKE_COLLECT_COORDINATOR_H_
