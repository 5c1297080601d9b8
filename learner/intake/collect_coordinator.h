// Decides when actors may collect: what the service's threads know of it.
//
// Data flow: CollectRequest -> Request; Issue -> CollectGrant; Heartbeat -> Renew;
// batch -> Arrived.
// A grant belongs to the actor that it was given to, whatever stream it uses.
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

  // A group stands ready; the same group again changes nothing.
  // OK; errors end the stream: InvalidArgument, ResourceExhausted,
  // FailedPrecondition, as the implementation says.
  virtual absl::Status Request(uint64_t stream, const ActorKey& actor, uint64_t group,
                               int64_t steps) = 0;

  virtual void StreamClosed(uint64_t stream) = 0;

  // `actor` is at work on these grants; those that are not its own are ignored.
  virtual void Renew(const ActorKey& actor, const std::vector<uint64_t>& grant_ids,
                     absl::Time now) = 0;

  // A batch of `steps` env steps came from `actor` (0: its content is refused), in
  // answer to `grant_id` (0: it is of transitions, which name none).
  // OK: it is the trainer's; InvalidArgument: the actor has no such grant to answer, or
  // it is of another size.
  virtual absl::Status Arrived(const ActorKey& actor, uint64_t grant_id, int64_t steps) = 0;

  // What is granted now; each grant once.
  virtual std::vector<Grant> Issue(absl::Time now) = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_INTAKE_COLLECT_COORDINATOR_H_
