// One Subscribe call: sends policies, evaluation requests and the end of the run as they come. No
// callback blocks.
//
// Thread safety: all methods. Lock order: the publisher's and the scheduler's locks before this
// one.
// Ownership: gRPC, shared until OnDone with everything it is registered with.
#ifndef ARMATURE_LEARNER_SERVICE_SUBSCRIPTION_REACTOR_H_
#define ARMATURE_LEARNER_SERVICE_SUBSCRIPTION_REACTOR_H_

#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/sync/wake_signal.h"
#include "grpcpp/support/server_callback.h"
#include "learner/service/evaluation_scheduler.h"
#include "learner/service/event_slots.h"
#include "learner/service/policy_publisher.h"
#include "proto/learner_service.pb.h"

namespace armature {

class SubscriptionReactor : public grpc::ServerWriteReactor<v1::LearnerEvent>, public EventSink {
 public:
  // `check` is the result of checking the handshake; if not OK, the call ends with it. Owns none of
  // the arguments.
  static SubscriptionReactor* Start(const v1::SubscribeRequest& request, const absl::Status& check,
                                    PolicyPublisher* publisher, EvaluationScheduler* evaluations,
                                    WakeSignal* trainer);

  void Send(SharedEvent event) override;
  void End(const absl::Status& status) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  SubscriptionReactor(PolicyPublisher* publisher, EvaluationScheduler* evaluations,
                      WakeSignal* trainer)
      : publisher_(publisher), evaluations_(evaluations), trainer_(trainer) {}

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  PolicyPublisher* const publisher_;
  EvaluationScheduler* const evaluations_;
  WakeSignal* const trainer_;
  std::shared_ptr<SubscriptionReactor> self_;  // Until OnDone.
  uint64_t subscription_ = 0;                  // Set before gRPC sees the call.
  uint64_t evaluator_ = 0;

  absl::Mutex mutex_;
  EventSlots slots_ ABSL_GUARDED_BY(mutex_);
  SharedEvent writing_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_SERVICE_SUBSCRIPTION_REACTOR_H_
