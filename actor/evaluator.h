// Runs the evaluations that the learner asks for, on a thread and in sessions of
// its own: deterministic episodes with the newest policy, beside training.
//
// Data flow: Submit -> session -> EvaluationTally -> ReportEvaluation.
// Thread safety: Submit and Wake; neither blocks.
// Bounds: one request; a newer one takes the place of the one at hand (the learner
// has given that up). An evaluation that cannot be done within kTimeout is
// reported with its error.
// Ownership: the destructor abandons what runs.
// Lock order: mutex_, then the signal's.
#ifndef ARMATURE_ACTOR_EVALUATOR_H_
#define ARMATURE_ACTOR_EVALUATOR_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "actor/actor_identity.h"
#include "actor/actor_metrics.h"
#include "actor/channel_pool.h"
#include "actor/env_session.h"
#include "actor/evaluation_tally.h"
#include "actor/policy_runner.h"
#include "actor/policy_store.h"
#include "actor/server_directory.h"
#include "common/spec/env_spec.h"
#include "common/sync/wake_signal.h"
#include "grpcpp/channel.h"
#include "proto/learner_service.grpc.pb.h"

namespace armature {

class Evaluator {
 public:
  static constexpr absl::Duration kTimeout = absl::Minutes(10);

  struct Options {
    ActorIdentity identity;
    EnvSpec spec;
    std::map<std::string, std::string> env_config;
  };
  // The pointers must outlive the evaluator. `runner` is used by its thread only.
  Evaluator(const Options& options, const std::shared_ptr<grpc::Channel>& learner,
            ServerDirectory* directory, ChannelPool* channels, const PolicyStore* store,
            std::unique_ptr<PolicyRunner> runner, ActorMetrics* metrics);
  ~Evaluator();

  // A request with the id of the one at hand is taken for a repetition.
  void Submit(const v1::EvaluationRequest& request);
  // There may be a newer policy.
  void Wake() { signal_.Notify(); }

 private:
  void Run();
  // The next request; null when the evaluator ends.
  std::optional<v1::EvaluationRequest> NextRequest();
  // Whether the evaluation at hand is to be abandoned without a report.
  bool Superseded() const;

  // What may end with Cancelled ends so when Superseded.
  absl::StatusOr<PolicySnapshot> AwaitPolicy(uint64_t version_min, absl::Time deadline);
  // Tries the servers in turn until one has opened a session.
  absl::Status RunEpisodes(const v1::EvaluationRequest& request, const PolicySnapshot& policy,
                           absl::Time deadline, v1::EvaluationResult* result);
  absl::Status RunOn(EnvSession* session, const v1::EvaluationRequest& request,
                     const PolicySnapshot& policy, absl::Time deadline, EvaluationTally* tally);
  absl::Status Evaluate(const v1::EvaluationRequest& request, v1::EvaluationResult* result);
  void Report(const v1::EvaluationResult& result);

  const Options options_;
  ServerDirectory* const directory_;
  ChannelPool* const channels_;
  const PolicyStore* const store_;
  const std::unique_ptr<PolicyRunner> runner_;
  ActorMetrics* const metrics_;
  const std::unique_ptr<v1::LearnerService::Stub> learner_;

  WakeSignal signal_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<v1::EvaluationRequest> next_ ABSL_GUARDED_BY(mutex_);
  uint64_t current_id_ ABSL_GUARDED_BY(mutex_) = 0;  // 0: none runs.
  std::thread thread_;
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_EVALUATOR_H_
