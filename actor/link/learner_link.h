// The actor's connection to the learner: Join, the experience stream and the subscription. If one
// is lost, it reconnects with back-off.
//
// Unacknowledged batches are sent again after each Join.
// Data flow: Send -> ExperienceOutbox -> StreamExperience; acks and grants -> Poll; policies ->
// PolicyStore; evaluation requests -> `on_evaluation`.
// Thread safety: compatible; `signal` is notified when Poll has something. `on_evaluation` is
// called on gRPC's threads and must not block.
#ifndef ARMATURE_ACTOR_LINK_LEARNER_LINK_H_
#define ARMATURE_ACTOR_LINK_LEARNER_LINK_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "actor/act/policy_store.h"
#include "actor/link/experience_outbox.h"
#include "actor/link/policy_subscription.h"
#include "actor/status/actor_identity.h"
#include "actor/status/actor_metrics.h"
#include "common/env_client/server_directory.h"
#include "common/rpc_client/backoff.h"
#include "common/rpc_client/bidi_stream.h"
#include "common/rpc_client/unary_call.h"
#include "common/spec/env_spec.h"
#include "common/sync/wake_signal.h"
#include "grpcpp/channel.h"
#include "proto/learner_service.grpc.pb.h"

namespace armature {

class LearnerLink {
 public:
  using JoinCall = UnaryCall<v1::JoinRequest, v1::JoinResponse>;

  // Time limit of one Join.
  static constexpr absl::Duration kJoinTimeout = absl::Seconds(5);
  // Time between heartbeats.
  static constexpr absl::Duration kHeartbeatPeriod = absl::Seconds(5);

  struct Options {
    std::string address;  // For messages.
    ActorIdentity identity;
    EnvSpec spec;
    const ServerDirectory* directory;  // Outlives the link.
  };
  // `joined` is the answer to the Join with the spec. `store` and `metrics` must outlive the link.
  LearnerLink(const Options& options, const std::shared_ptr<grpc::Channel>& channel,
              const v1::JoinResponse& joined, PolicyStore* store, ActorMetrics* metrics,
              std::function<void(const v1::EvaluationRequest&)> on_evaluation, WakeSignal* signal);

  // Starts a Join; without `spec`, the first of the two. `env_servers` are those in use now.
  static std::unique_ptr<JoinCall> Join(v1::LearnerService::Stub* stub,
                                        const ActorIdentity& identity, const EnvSpec* spec,
                                        const std::vector<std::string>& env_servers,
                                        WakeSignal* signal);

  struct Received {
    std::vector<v1::CollectGrant> grants;
    // There is a new experience stream; requests on the last one are forgotten.
    bool reopened = false;
  };
  // Advances Join, streams and resending.
  Received Poll(absl::Time now);

  // How many more batches the limit of unacknowledged batches allows.
  int64_t Room() const { return int64_t{joined_.unacked_batches_max()} - outbox_.size(); }
  int64_t unacked_batches() const { return outbox_.size(); }
  // Never refuses a batch; check Room first.
  void Send(v1::ExperienceBatch batch);
  // Requests a grant; dropped if there is no stream (see Received::reopened).
  void RequestCollect(uint64_t group, uint32_t steps);
  // Whether it is time to tell the learner what the actor is working on.
  bool heartbeat_due(absl::Time now) const;
  void SendHeartbeat(v1::ExperienceRequest::Heartbeat heartbeat, absl::Time now);
  // Ends the sending side of the experience stream.
  void FinishSending();

  // Whether the experience stream is open, so that batches can be acknowledged.
  bool can_send() const { return stream_ != nullptr; }
  // Whether both streams are open.
  bool connected() const { return stream_ != nullptr && subscription_ != nullptr; }
  // Since when not connected.
  absl::Time lost_since() const { return lost_since_; }
  // The last failure, as one sentence that names the learner.
  const std::string& last_failure() const { return last_failure_; }
  // Not OK if the learner permanently refuses this actor.
  const absl::Status& refusal() const { return refusal_; }
  // Not empty if a later Join was answered with other settings than `joined` (see
  // DescribeSettingsChange). Unacknowledged batches are sent once more.
  const std::string& settings_change() const { return settings_change_; }
  // Whether the learner has said that the run is over.
  bool run_over() const { return run_over_.load(); }

  // When Poll must be called, or a heartbeat is due.
  absl::Time NextDeadline() const;

 private:
  using Stream = BidiStream<v1::ExperienceRequest, v1::ExperienceResponse>;

  void OpenStreams(const v1::JoinResponse& joined);
  void PollStream(Received* received);
  void PollSubscription();
  void PollJoin(absl::Time now);
  void OnLost(const char* what, const absl::Status& status);
  void OnEvent(const v1::LearnerEvent& event, uint64_t learner_incarnation);
  void OnAck(const v1::ExperienceAck& ack);
  void WriteUnsent();

  const Options options_;
  const uint64_t spec_hash_;
  const v1::JoinResponse joined_;
  PolicyStore* const store_;
  ActorMetrics* const metrics_;
  const std::function<void(const v1::EvaluationRequest&)> on_evaluation_;
  WakeSignal* const signal_;
  const std::unique_ptr<v1::LearnerService::Stub> stub_;
  std::atomic<bool> run_over_{false};
  std::atomic<bool> policy_refused_{false};  // The last one was refused; warn once per series.

  ExperienceOutbox outbox_;
  uint64_t refused_ = 0;        // Count in the current stream's acks.
  int64_t refused_untold_ = 0;  // Since the last log line about refusals.
  absl::Time next_refusal_line_ = absl::InfinitePast();
  bool reopened_ = false;
  absl::Time last_heartbeat_;
  absl::Time lost_since_;
  absl::Time next_attempt_;
  Backoff backoff_;
  std::string last_failure_;
  absl::Status refusal_;
  std::string settings_change_;
  std::unique_ptr<JoinCall> join_;
  std::unique_ptr<Stream> stream_;
  // Declared last, since its callbacks use the members above.
  std::unique_ptr<PolicySubscription> subscription_;
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_LINK_LEARNER_LINK_H_
