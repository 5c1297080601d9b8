// Holds the newest policy that the learner has published.
//
// Data flow: PolicySubscription -> PolicyStore -> PolicyRunner (actor, evaluator).
// Thread safety: all methods. A snapshot never changes: new weights go into a new network, which
// then replaces the old one.
#ifndef ARMATURE_ACTOR_ACT_POLICY_STORE_H_
#define ARMATURE_ACTOR_ACT_POLICY_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

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
  // Of the episodes that training slots begin from now on, by name; others are initial.
  std::map<std::string, double> parameters = {};
};

class PolicyStore {
 public:
  // `parameters` hold until an update sets others. Returns PolicyNetwork::Create's errors.
  static absl::StatusOr<std::unique_ptr<PolicyStore>> Create(
      const v1::PolicySpec& spec, c10::Device device,
      const std::map<std::string, double>& parameters = {});

  // Makes `update` the newest policy. `learner_incarnation` identifies the learner process that
  // sent it: after a restart from a checkpoint, versions may begin below the present one.
  // Returns DataLoss if the checksum is wrong; InvalidArgument if a tensor does not fit the spec,
  // or the version is not above this learner's last one. After an error the newest policy is
  // unchanged.
  absl::Status Apply(const v1::PolicyUpdate& update, uint64_t learner_incarnation);

  PolicySnapshot newest() const;
  // Incarnation of the learner that sent the newest policy; 0: none.
  uint64_t learner_incarnation() const;

 private:
  PolicyStore(const v1::PolicySpec& spec, c10::Device device,
              const std::map<std::string, double>& parameters);

  const v1::PolicySpec spec_;
  const c10::Device device_;
  mutable absl::Mutex mutex_;
  PolicySnapshot newest_ ABSL_GUARDED_BY(mutex_);
  uint64_t learner_incarnation_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_ACT_POLICY_STORE_H_
