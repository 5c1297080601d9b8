#include "learner/service/experience_reactor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/transport.h"
#include "common/sync/steady_time.h"
#include "spdlog/spdlog.h"

namespace armature {

ExperienceReactor* ExperienceReactor::Start(const Admission* admission, ExperienceIntake* intake,
                                            CollectCoordinator* coordinator,
                                            EvaluationScheduler* evaluations) {
  auto* reactor = new ExperienceReactor(admission, intake, coordinator, evaluations);
  reactor->self_.reset(reactor);
  reactor->StartRead(&reactor->request_);
  return reactor;
}

ExperienceReactor::ExperienceReactor(const Admission* admission, ExperienceIntake* intake,
                                     CollectCoordinator* coordinator,
                                     EvaluationScheduler* evaluations)
    : admission_(admission),
      intake_(intake),
      coordinator_(coordinator),
      evaluations_(evaluations) {}

void ExperienceReactor::OnReadDone(bool ok) {
  if (!ok) {  // The actor closed its side, or is gone.
    End(absl::OkStatus());
    return;
  }
  const absl::StatusOr<ExperienceIntake::Next> next = Handle();
  if (!next.ok()) {
    End(next.status());
  } else if (*next == ExperienceIntake::Next::kRead) {
    ResumeReading();
  }
}

absl::StatusOr<ExperienceIntake::Next> ExperienceReactor::Handle() {
  if (request_.has_open()) return HandleOpen();
  if (stream_ == 0) {
    return absl::InvalidArgumentError("the first message of an experience stream must be open");
  }
  switch (request_.kind_case()) {
    case v1::ExperienceRequest::kBatch:
      return intake_->Offer(stream_, std::move(*request_.mutable_batch()));
    case v1::ExperienceRequest::kCollect: {
      absl::Status status = HandleCollect(request_.collect());
      if (!status.ok()) return status;
      return ExperienceIntake::Next::kRead;
    }
    case v1::ExperienceRequest::kHeartbeat:
      HandleHeartbeat(request_.heartbeat());
      return ExperienceIntake::Next::kRead;
    default:
      return absl::InvalidArgumentError("an experience message of no known kind");
  }
}

absl::StatusOr<ExperienceIntake::Next> ExperienceReactor::HandleOpen() {
  if (stream_ != 0) return absl::InvalidArgumentError("an experience stream opens once");
  absl::Status status = admission_->CheckOpen(request_.open());
  if (!status.ok()) return status;
  const v1::Handshake& handshake = request_.open().handshake();
  actor_ = KeyOf(handshake);
  const absl::StatusOr<uint64_t> stream = intake_->OpenStream(actor_, self_);
  if (!stream.ok()) return stream.status();
  stream_ = *stream;
  spdlog::info("{} connected", actor_.first);
  return ExperienceIntake::Next::kRead;
}

absl::Status ExperienceReactor::HandleCollect(const v1::CollectRequest& collect) {
  absl::Status status = coordinator_->Request(stream_, actor_, collect.group(), collect.steps());
  if (status.ok()) intake_->Deliver(coordinator_->Issue(SteadyTime()));
  return status;
}

void ExperienceReactor::HandleHeartbeat(const v1::ExperienceRequest::Heartbeat& heartbeat) {
  const absl::Time now = SteadyTime();
  coordinator_->Renew(actor_, {heartbeat.grant_id().begin(), heartbeat.grant_id().end()}, now);
  if (heartbeat.evaluation_id() != 0) {
    evaluations_->GotOn(actor_, heartbeat.evaluation_id(), now);
  }
}

void ExperienceReactor::SendAck(const v1::ExperienceAck& ack) {
  absl::MutexLock lock(&mutex_);
  // The newest ack covers the earlier ones, but must not lose the reason of a refusal.
  const std::string refusal = ack_ ? ack_->refusal() : "";
  ack_ = ack;
  if (ack.refusal().empty()) ack_->set_refusal(refusal);
  WriteNext();
}

void ExperienceReactor::SendGrant(const v1::CollectGrant& grant) {
  absl::MutexLock lock(&mutex_);
  grants_.push_back(grant);
  WriteNext();
}

void ExperienceReactor::ResumeReading() {
  absl::MutexLock lock(&mutex_);
  if (!end_) StartRead(&request_);
}

void ExperienceReactor::End(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  if (end_) return;
  end_ = status;
  WriteNext();
}

void ExperienceReactor::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  if (!ok && !end_) end_ = absl::UnavailableError("the actor is gone");
  WriteNext();
}

void ExperienceReactor::OnCancel() { End(absl::CancelledError("the actor is gone")); }

void ExperienceReactor::OnDone() {
  if (stream_ != 0) {
    intake_->CloseStream(stream_);
    intake_->Deliver(coordinator_->Issue(SteadyTime()));
    spdlog::info("{} disconnected", actor_.first);
  }
  // The last owner may be another thread that is still sending something.
  const std::shared_ptr<ExperienceReactor> self = std::move(self_);
}

void ExperienceReactor::WriteNext() {
  if (writing_ || finished_) return;
  if (ack_) {
    *response_.mutable_ack() = *std::exchange(ack_, std::nullopt);
  } else if (!grants_.empty() && !end_) {
    *response_.mutable_grant() = std::move(grants_.front());
    grants_.pop_front();
  } else if (end_) {
    finished_ = true;
    Finish(ToGrpc(*end_));
    return;
  } else {
    return;
  }
  writing_ = true;
  StartWrite(&response_);
}

}  // namespace armature
