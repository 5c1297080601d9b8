// Runs evaluations for the learner beside training, on its own thread and in its own sessions:
// deterministic episodes with the newest policy.
//
// Data flow: Submit -> session -> EvaluationTally -> ReportEvaluation.
// Thread safety: Submit and Wake from any thread; neither blocks.
// Bounds: one request at a time. A newer request replaces the current one, which the learner has
// given up; but if it repeats the current one, that continues. An evaluation has no time limit; a
// session that stays silent ends it with an error.
// Ownership: the destructor abandons a running evaluation.
// Lock order: mutex_, then the mutex of signal_.
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
#include "actor/act/policy_runner.h"
#include "actor/act/policy_store.h"
#include "actor/status/actor_identity.h"
#include "actor/status/actor_metrics.h"
#include "common/env_client/env_session.h"
#include "common/env_client/server_directory.h"
#include "common/play/evaluation_tally.h"
#include "common/rpc_client/channel_pool.h"
#include "common/scene/episode_recording.h"
#include "common/spec/env_spec.h"
#include "common/sync/wake_signal.h"
#include "grpcpp/channel.h"
#include "proto/learner_service.grpc.pb.h"

namespace armature {

class Evaluator {
 public:
  struct Options {
    ActorIdentity identity;
    EnvSpec spec;
    std::map<std::string, std::string> env_config;
  };
  // All pointers must outlive the evaluator. Only its thread uses `runner`.
  Evaluator(const Options& options, const std::shared_ptr<grpc::Channel>& learner,
            ServerDirectory* directory, ChannelPool* channels, const PolicyStore* store,
            std::unique_ptr<PolicyRunner> runner, ActorMetrics* metrics);
  ~Evaluator();

  // A repeated request is reported under its newest id.
  void Submit(const v1::EvaluationRequest& request);
  // Returns the current evaluation's id if it has progressed since the last call, else 0.
  uint64_t TakeProgress();
  // Call it when a newer policy may have arrived.
  void Wake() { signal_.Notify(); }

 private:
  void Run();
  // Waits for the next request; none when the evaluator ends.
  std::optional<v1::EvaluationRequest> NextRequest();
  // Whether to abandon the current evaluation without a report.
  bool Superseded() const;

  // The following return Cancelled when Superseded.
  absl::StatusOr<PolicySnapshot> AwaitPolicy(uint64_t version_min);
  // Tries the servers in turn until one opens a session.
  absl::Status RunEpisodes(const v1::EvaluationRequest& request, const PolicySnapshot& policy,
                           v1::EvaluationResult* result);
  // Plays the episodes on one server; with `recording`, slot 0's first one is recorded there.
  absl::Status RunOn(const std::string& address, const v1::EvaluationRequest& request,
                     const PolicySnapshot& policy, EpisodeRecording* recording,
                     v1::EvaluationResult* result, bool* opened);
  absl::Status Evaluate(const v1::EvaluationRequest& request, v1::EvaluationResult* result);
  void NoteProgress();
  uint64_t current_id() const;
  void Report(v1::EvaluationResult result);

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
  std::optional<v1::EvaluationRequest> current_ ABSL_GUARDED_BY(mutex_);  // The one being run.
  bool got_on_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_EVALUATOR_H_
