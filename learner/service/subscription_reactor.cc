#include "learner/service/subscription_reactor.h"

#include <utility>

#include "common/rpc/transport.h"

namespace armature {

SubscriptionReactor* SubscriptionReactor::Start(const v1::SubscribeRequest& request,
                                                const absl::Status& check,
                                                PolicyPublisher* publisher,
                                                EvaluationScheduler* evaluations,
                                                WakeSignal* trainer) {
  auto* reactor = new SubscriptionReactor(publisher, evaluations, trainer);
  reactor->self_.reset(reactor);
  if (!check.ok()) {
    reactor->End(check);
    return reactor;
  }
  const ActorKey actor = KeyOf(request.handshake());
  reactor->subscription_ = publisher->Subscribe(actor, reactor->self_, request.have_version());
  if (request.can_evaluate()) {
    reactor->evaluator_ = evaluations->AddEvaluator(actor, reactor->self_);
  }
  trainer->Notify();
  return reactor;
}

void SubscriptionReactor::Send(SharedEvent event) {
  absl::MutexLock lock(&mutex_);
  slots_.Put(std::move(event));
  WriteNext();
}

void SubscriptionReactor::End(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  if (end_) return;
  end_ = status;
  WriteNext();
}

void SubscriptionReactor::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  const SharedEvent written = std::move(writing_);
  writing_ = nullptr;
  if (!end_ && !ok) end_ = absl::UnavailableError("the subscriber is gone");
  if (!end_ && written->has_run_over()) end_ = absl::OkStatus();
  WriteNext();
}

void SubscriptionReactor::OnCancel() { End(absl::CancelledError("the subscriber is gone")); }

void SubscriptionReactor::OnDone() {
  if (evaluator_ != 0) evaluations_->RemoveEvaluator(evaluator_);
  if (subscription_ != 0) publisher_->Unsubscribe(subscription_);
  trainer_->Notify();
  // The last owner may be another thread that is still sending something.
  const std::shared_ptr<SubscriptionReactor> self = std::move(self_);
}

void SubscriptionReactor::WriteNext() {
  if (writing_ != nullptr || finished_) return;
  if (end_) {
    finished_ = true;
    Finish(ToGrpc(*end_));
    return;
  }
  writing_ = slots_.Take();
  if (writing_ != nullptr) StartWrite(writing_.get());
}

}  // namespace armature
