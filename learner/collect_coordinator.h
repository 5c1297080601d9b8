// Decides when actors may collect: what the service's threads know of it.
//
// Data flow: CollectRequest -> Request; Issue -> CollectGrant; batch -> Arrived.
// Thread safety: all methods.
#ifndef ARMATURE_LEARNER_COLLECT_COORDINATOR_H_
#define ARMATURE_LEARNER_COLLECT_COORDINATOR_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

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
  virtual absl::Status Request(uint64_t stream, uint64_t group, int64_t steps) = 0;

  virtual void StreamClosed(uint64_t stream) = 0;

  // A trajectory came: `steps` of it were queued for the trainer (0: refused).
  virtual void Arrived(uint64_t grant_id, int64_t steps) = 0;

  // What is granted now; each grant once.
  virtual std::vector<Grant> Issue(absl::Time now) = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_COLLECT_COORDINATOR_H_
