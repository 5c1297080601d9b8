// One StreamExperience call. Passes batches and collect requests to the intake, and
// acknowledgements and grants to the actor. No callback blocks.
//
// Thread safety: all methods. At most one read and one write are in flight. While the intake is
// full no read is, so gRPC flow control slows the actor down.
// Lock order: the intake's lock before this one.
// Ownership: gRPC, shared until OnDone with everything it is registered with.
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
  // None is owned.
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

  // Handles request_. Returns whether to read on, or the status that ends the stream.
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

  // Used only by the read callbacks, which gRPC runs one at a time.
  v1::ExperienceRequest request_;
  uint64_t stream_ = 0;  // 0: not open.
  ActorKey actor_;

  absl::Mutex mutex_;
  v1::ExperienceResponse response_;  // The write in flight.
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<v1::ExperienceAck> ack_ ABSL_GUARDED_BY(mutex_);  // The newest.
  std::deque<v1::CollectGrant> grants_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_SERVICE_EXPERIENCE_REACTOR_H_
