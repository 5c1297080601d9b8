// Replica 0's side: keeps the members and averages what they send.
//
// Data flow: JoinReactor -> Ask -> Synchronize (trainer) -> ReplicaPeer::Welcome;
//            AverageReactor -> Give -> Average (trainer) -> AverageCall::Answer.
// Only the trainer's thread computes and answers; gRPC's threads deposit and return.
// Bounds: per replica, one member, one waiting to join and one deposit.
// Thread safety: Ask, Leave, Give, and as in ReplicaGroup. Lock order: this lock before the peers'
// and calls' locks.
#ifndef ARMATURE_LEARNER_REPLICAS_REPLICA_HOST_H_
#define ARMATURE_LEARNER_REPLICAS_REPLICA_HOST_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/metrics/metrics.h"
#include "common/sync/steady_time.h"
#include "common/sync/wake_signal.h"
#include "learner/replicas/replica_group.h"
#include "proto/replica_service.pb.h"

namespace armature {

// A Join call. Its methods do not block and may be called more than once.
class ReplicaPeer {
 public:
  virtual ~ReplicaPeer() = default;
  virtual void Send(v1::ReplicaEvent event) = 0;
  virtual void End(const absl::Status& status) = 0;
};

// An Average call. Answer does not block; only the first answer counts.
class AverageCall {
 public:
  virtual ~AverageCall() = default;
  virtual void Answer(const absl::Status& status, const v1::AverageResponse& response) = 0;
};

class ReplicaHost : public ReplicaGroup {
 public:
  struct Options {
    std::string run_id;
    int64_t replicas = 2;
    absl::Duration timeout;  // For a replica that is alive but does not come to an average.
  };
  struct Metrics {
    Gauge replicas;         // Members, including this one.
    Counter replicas_lost;  // Members that died or were left behind.
  };
  // `trainer` must outlive this.
  ReplicaHost(const Options& options, const Metrics& metrics, WakeSignal* trainer);

  // Handles a Join call; the trainer answers it later. Returns FailedPrecondition or
  // InvalidArgument as described in proto/replica_service.proto.
  absl::Status Ask(std::shared_ptr<ReplicaPeer> peer, const v1::JoinReplicasRequest& request);
  // The Join call `peer` is over.
  void Leave(const ReplicaPeer* peer);
  // Handles an Average call; answers it when the average is computed. A returned error is the
  // answer.
  absl::Status Give(std::shared_ptr<AverageCall> call, const v1::AverageRequest& request);

  absl::Status Begin(const Identity& identity, SharedState* state) override;
  absl::StatusOr<Standing> Synchronize(uint64_t env_steps) override;
  absl::StatusOr<NamedTensors> Average(const NamedTensors& own, uint64_t env_steps) override;
  void End(const std::string& reason) override;
  void Stop() override;
  bool leads_run() const override { return true; }
  uint64_t others_env_steps() const override;
  absl::Time next_deadline() const override { return absl::InfiniteFuture(); }
  std::string Waiting() const override { return ""; }

 private:
  struct Deposit {
    std::shared_ptr<AverageCall> call;
    NamedTensors tensors;
  };
  struct Member {
    uint64_t membership = 0;
    std::shared_ptr<ReplicaPeer> peer;
    std::optional<Deposit> deposit;  // For average_number_.
  };
  struct Applicant {
    std::shared_ptr<ReplicaPeer> peer;
    v1::JoinReplicasRequest request;
  };
  using Members = std::map<uint32_t, Member>;

  absl::Status CheckApplicant(const v1::JoinReplicasRequest& request,
                              const NamedTensors& snapshot) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Waits for all deposits, up to the timeout. Returns false after Stop.
  bool AwaitDeposits() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Interrupted() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string Missing() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Removes the member and tells it why.
  Members::iterator Drop(Members::iterator member, const absl::Status& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t OthersEnvSteps() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  WakeSignal* const trainer_;
  Identity identity_;             // The trainer's.
  SharedState* state_ = nullptr;  // The trainer's.

  mutable absl::Mutex mutex_;
  SteadyCondVar changed_;  // Signals changes to Interrupted.
  Metrics metrics_ ABSL_GUARDED_BY(mutex_);
  Members members_ ABSL_GUARDED_BY(mutex_);
  std::map<uint32_t, Applicant> applicants_ ABSL_GUARDED_BY(mutex_);
  // By replica. Includes former members, since their experience still counts.
  std::map<uint32_t, uint64_t> env_steps_ ABSL_GUARDED_BY(mutex_);
  uint64_t average_number_ ABSL_GUARDED_BY(mutex_) = 1;  // The next one.
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<std::string> over_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLICAS_REPLICA_HOST_H_
