// One StreamExperience call: hands batches and requests to collect to the intake,
// acknowledgements and grants to the actor. No reaction blocks.
//
// Thread safety: all methods. A write or read is in flight at most once; when the
// intake is full no read is, which holds the actor back through flow control.
// Lock order: the intake's before this one's.
// Ownership: gRPC; shared with whom it is given to, until OnDone.
#ifndef ARMATURE_LEARNER_SERVICE_EXPERIENCE_REACTOR_H_
#define ARMATURE_LEARNER_SERVICE_EXPERIENCE_REACTOR_H_

#include <deque>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/support/server_callback.h"
#include "learner/intake/actor_key.h"
#include "learner/intake/collect_coordinator.h"
#include "learner/intake/experience_intake.h"
#include "learner/service/admission.h"
#include "learner/service/evaluation_scheduler.h"
#include "proto/learner_service.pb.h"

namespace armature {

class ExperienceReactor
    : public grpc::ServerBidiReactor<v1::ExperienceRequest, v1::ExperienceResponse>,
      public ExperiencePeer {
 public:
  // `coordinator` is null where actors collect freely. None is owned.
  static ExperienceReactor* Start(const Admission* admission, ExperienceIntake* intake,
                                  CollectCoordinator* coordinator,
                                  EvaluationScheduler* evaluations);

  void SendAck(const v1::ExperienceAck& ack) override;
  void SendGrant(const v1::CollectGrant& grant) override;
  void ResumeReading() override;
  void End(const absl::Status& status) override;

 private:
  ExperienceReactor(const Admission* admission, ExperienceIntake* intake,
                    CollectCoordinator* coordinator, EvaluationScheduler* evaluations);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  // What a request asks for: OK: whether to read on; otherwise how the stream ends.
  absl::StatusOr<ExperienceIntake::Next> Handle();
  absl::StatusOr<ExperienceIntake::Next> HandleOpen();
  absl::Status HandleCollect(const v1::CollectRequest& collect);
  void HandleHeartbeat(const v1::ExperienceRequest::Heartbeat& heartbeat);
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Admission* const admission_;
  ExperienceIntake* const intake_;
  CollectCoordinator* const coordinator_;
  EvaluationScheduler* const evaluations_;
  std::shared_ptr<ExperienceReactor> self_;  // Until OnDone.

  // Of the reactions, which gRPC runs one after another as far as they read.
  v1::ExperienceRequest request_;
  uint64_t stream_ = 0;  // 0: not open.
  ActorKey actor_;

  absl::Mutex mutex_;
  v1::ExperienceResponse response_;  // Of the write in flight.
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<v1::ExperienceAck> ack_ ABSL_GUARDED_BY(mutex_);  // The newest.
  std::deque<v1::CollectGrant> grants_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_SERVICE_EXPERIENCE_REACTOR_H_
