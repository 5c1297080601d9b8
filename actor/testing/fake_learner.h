// An in-process LearnerService for tests of one actor: admits the actor, acknowledges and records
// its experience, as described in proto/learner_service.proto.
//
// Thread safety: all methods.
#ifndef ARMATURE_ACTOR_TESTING_FAKE_LEARNER_H_
#define ARMATURE_ACTOR_TESTING_FAKE_LEARNER_H_

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/rpc/testing/loopback_server.h"
#include "proto/learner_service.grpc.pb.h"

namespace armature {

class FakeLearner final : public v1::LearnerService::Service {
 public:
  struct Options {
    v1::JoinResponse join;  // Without handshake and acknowledged_sequence.
    bool grants = true;     // Grants every CollectRequest at once; otherwise use Grant.
  };
  explicit FakeLearner(const Options& options);
  ~FakeLearner() override;

  // Listens, on the same port each time, as a new incarnation of the same run.
  void Start();
  // Breaks all streams, like SIGKILL.
  void Stop();
  // Sets the answer to later Joins.
  void SetJoin(const v1::JoinResponse& join);
  std::string address() const { return server_.address(); }

  // Limits how many batches are accepted (later ones are read and dropped), or acknowledged.
  void LimitAdmission(uint64_t sequence);
  void LimitAcks(uint64_t sequence);
  // Goes back to the state after `sequence` batches.
  void ForgetAbove(uint64_t sequence);
  // Refuses the next OpenExperience, as if it did not know the actor.
  void ForgetJoins();

  // Sent to the present subscriber, else to the next one.
  void Publish(const v1::PolicyUpdate& update);
  void Evaluate(const v1::EvaluationRequest& request);
  void EndRun();
  // Returns the oldest CollectRequest without a grant.
  v1::CollectRequest AwaitCollectRequest();
  void Grant(const v1::CollectGrant& grant);

  // Waits until `count` batches have been accepted since the start; returns all of them.
  std::vector<v1::ExperienceBatch> AwaitBatches(size_t count);
  v1::EvaluationResult AwaitEvaluation();
  // Returns the next heartbeat that names a grant or an evaluation.
  v1::ExperienceRequest::Heartbeat AwaitHeartbeat();
  // Waits until the only experience stream has ended.
  void AwaitStreamEnd();
  void AwaitRead(int64_t count);  // Batches read, accepted or not.

  int64_t read() const;
  int64_t duplicates() const;
  int64_t gaps() const;
  int64_t joins() const;

 private:
  using ExperienceStream = grpc::ServerReaderWriter<v1::ExperienceResponse, v1::ExperienceRequest>;

  grpc::Status Join(grpc::ServerContext* context, const v1::JoinRequest* request,
                    v1::JoinResponse* response) override;
  grpc::Status StreamExperience(grpc::ServerContext* context, ExperienceStream* stream) override;
  grpc::Status Subscribe(grpc::ServerContext* context, const v1::SubscribeRequest* request,
                         grpc::ServerWriter<v1::LearnerEvent>* writer) override;
  grpc::Status ReportEvaluation(grpc::ServerContext* context, const v1::EvaluationResult* request,
                                v1::ReportEvaluationResponse* response) override;

  grpc::Status OnBatch(const v1::ExperienceBatch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteAck() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const bool grants_all_;
  mutable absl::Mutex mutex_;
  v1::JoinResponse join_ ABSL_GUARDED_BY(mutex_);
  uint64_t incarnation_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool knows_actor_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t admit_limit_ ABSL_GUARDED_BY(mutex_) = std::numeric_limits<uint64_t>::max();
  uint64_t ack_limit_ ABSL_GUARDED_BY(mutex_) = std::numeric_limits<uint64_t>::max();
  // The actor that `admitted_` belongs to.
  uint64_t actor_incarnation_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t admitted_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t read_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t duplicates_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t gaps_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t joins_ ABSL_GUARDED_BY(mutex_) = 0;
  ExperienceStream* stream_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::vector<v1::ExperienceBatch> batches_ ABSL_GUARDED_BY(mutex_);
  std::deque<v1::CollectRequest> requests_ ABSL_GUARDED_BY(mutex_);
  uint64_t grants_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<v1::PolicyUpdate> policy_ ABSL_GUARDED_BY(mutex_);
  int64_t policies_ ABSL_GUARDED_BY(mutex_) = 0;  // Number published so far.
  std::deque<v1::LearnerEvent> events_ ABSL_GUARDED_BY(mutex_);
  std::deque<v1::ExperienceRequest::Heartbeat> heartbeats_ ABSL_GUARDED_BY(mutex_);
  std::deque<v1::EvaluationResult> evaluations_ ABSL_GUARDED_BY(mutex_);
  LoopbackServer server_{{this}};
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_TESTING_FAKE_LEARNER_H_
