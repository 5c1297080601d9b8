// The side of all replicas except 0: joins replica 0 and takes part in its averages.
//
// Retries: after 0.1 s, doubled with each failure up to 5 s. Gives up after kHostLostMax without
// replica 0.
// Thread safety: as in ReplicaGroup.
#ifndef ARMATURE_LEARNER_REPLICAS_REPLICA_MEMBER_H_
#define ARMATURE_LEARNER_REPLICAS_REPLICA_MEMBER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/sync/wake_signal.h"
#include "grpcpp/channel.h"
#include "learner/replicas/membership.h"
#include "learner/replicas/replica_group.h"
#include "proto/replica_service.grpc.pb.h"

namespace armature {

class ReplicaMember : public ReplicaGroup {
 public:
  static constexpr absl::Duration kHostLostMax = absl::Minutes(5);
  // Longest wait for a welcome; replica 0 answers between two updates.
  static constexpr absl::Duration kWelcomeWithin = absl::Seconds(5);

  // `channel` connects to replica 0; `trainer` must outlive this.
  ReplicaMember(uint32_t replica, const std::shared_ptr<grpc::Channel>& channel,
                WakeSignal* trainer);
  ~ReplicaMember() override;

  absl::Status Begin(const Identity& identity, SharedState* state) override;
  absl::StatusOr<Standing> Synchronize(uint64_t env_steps) override;
  absl::StatusOr<NamedTensors> Average(const NamedTensors& own, uint64_t env_steps) override;
  void End(const std::string&) override {}
  void Stop() override;
  bool leads_run() const override { return false; }
  uint64_t others_env_steps() const override;
  absl::Time next_deadline() const override;
  std::string Waiting() const override;

 private:
  absl::StatusOr<Standing> Join(uint64_t env_steps);
  // Handles a failed attempt to join. Returns OK if it should be tried again later.
  absl::Status AfterFailure(const absl::Status& failure);
  absl::StatusOr<v1::AverageResponse> Send(const v1::AverageRequest& request);
  bool stopped() const;

  const uint32_t replica_;
  const std::unique_ptr<v1::ReplicaService::Stub> stub_;
  WakeSignal* const trainer_;

  // Used by the trainer's thread only.
  SharedState* state_ = nullptr;
  v1::JoinReplicasRequest join_;
  std::shared_ptr<Membership> membership_;  // Set under mutex_.
  bool joined_ = false;
  uint64_t membership_id_ = 0;
  uint64_t average_number_ = 0;  // The next one.
  absl::Time next_attempt_ = absl::InfinitePast();
  absl::Duration backoff_;
  absl::Time last_seen_;
  absl::Status last_failure_;

  mutable absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t others_env_steps_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLICAS_REPLICA_MEMBER_H_
