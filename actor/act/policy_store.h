// The newest policy that the learner has published.
//
// Data flow: PolicySubscription -> PolicyStore -> PolicyRunner (actor, evaluator).
// Thread safety: all methods. A snapshot stays as it is: new weights go into a new
// network that takes the old one's place at once.
#ifndef ARMATURE_ACTOR_ACT_POLICY_STORE_H_
#define ARMATURE_ACTOR_ACT_POLICY_STORE_H_

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "c10/core/Device.h"
#include "proto/learner_service.pb.h"

namespace armature {

class PolicyNetwork;

struct PolicySnapshot {
  uint64_t version = 0;  // 0: none yet, and no network.
  std::shared_ptr<const PolicyNetwork> network;
};

class PolicyStore {
 public:
  // OK; InvalidArgument: as PolicyNetwork::Create.
  static absl::StatusOr<std::unique_ptr<PolicyStore>> Create(const v1::PolicySpec& spec,
                                                             c10::Device device);

  // Makes `update` the newest. `learner_incarnation`: of the process that sent it;
  // one that was restarted from a checkpoint may begin below the version at hand.
  // OK; DataLoss: the checksum is wrong; InvalidArgument: a tensor does not fit
  // the spec, or the version is not above the last one of this learner. The
  // newest policy stays on an error.
  absl::Status Apply(const v1::PolicyUpdate& update, uint64_t learner_incarnation);

  PolicySnapshot newest() const;
  // Of the learner that the newest came from; 0: none.
  uint64_t learner_incarnation() const;

 private:
  PolicyStore(const v1::PolicySpec& spec, c10::Device device);

  const v1::PolicySpec spec_;
  const c10::Device device_;
  mutable absl::Mutex mutex_;
  PolicySnapshot newest_ ABSL_GUARDED_BY(mutex_);
  uint64_t learner_incarnation_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_ACT_POLICY_STORE_H_
