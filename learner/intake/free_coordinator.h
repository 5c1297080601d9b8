// For off-policy runs. Actors collect transitions freely, so there are no requests or grants.
//
// Thread safety: all methods.
#ifndef ARMATURE_LEARNER_INTAKE_FREE_COORDINATOR_H_
#define ARMATURE_LEARNER_INTAKE_FREE_COORDINATOR_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "learner/intake/collect_coordinator.h"

namespace armature {

class FreeCoordinator final : public CollectCoordinator {
 public:
  // Returns InvalidArgument, since actors need no grants.
  absl::Status Request(uint64_t, const ActorKey&, uint64_t, int64_t) override {
    return absl::InvalidArgumentError("collect: this run collects transitions, freely");
  }
  void StreamClosed(uint64_t) override {}
  void Renew(const ActorKey&, const std::vector<uint64_t>&, absl::Time) override {}
  absl::Status Arrived(const ActorKey&, uint64_t, int64_t) override { return absl::OkStatus(); }
  std::vector<Grant> Issue(absl::Time) override { return {}; }
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_INTAKE_FREE_COORDINATOR_H_
