#include "learner/testing/fake_actor.h"

#include "absl/time/clock.h"
#include "common/rpc/protocol.h"
#include "common/rpc/transport.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

template <typename T>
T TakeFront(std::deque<T>& queue) {
  T front = std::move(queue.front());
  queue.pop_front();
  return front;
}

}  // namespace

FakeActor::FakeActor(const std::shared_ptr<grpc::Channel>& channel, const std::string& name,
                     uint64_t incarnation)
    : stub_(v1::LearnerService::NewStub(channel)),
      handshake_(MakeHandshake(name, incarnation, "")) {}

FakeActor::~FakeActor() {
  Break();
  Unsubscribe();
}

std::unique_ptr<grpc::ClientContext> FakeActor::NewContext() const {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(absl::ToChronoTime(absl::Now() + kTimeout));
  return context;
}

absl::StatusOr<v1::JoinResponse> FakeActor::Join(const EnvSpec& spec,
                                                 const std::vector<std::string>& env_servers) {
  v1::JoinRequest request;
  *request.mutable_handshake() = handshake_;
  *request.mutable_spec() = spec.ToProto();
  request.set_spec_hash(SpecHash(spec));
  request.mutable_env_servers()->Add(env_servers.begin(), env_servers.end());
  v1::JoinResponse response;
  const auto context = NewContext();
  const grpc::Status status = stub_->Join(context.get(), request, &response);
  if (!status.ok()) return FromGrpc(status);
  spec_hash_ = request.spec_hash();
  handshake_.set_run_id(response.handshake().run_id());
  return response;
}

void FakeActor::Open() {
  stream_context_ = NewContext();
  stream_ = stub_->StreamExperience(stream_context_.get());
  v1::ExperienceRequest request;
  *request.mutable_open()->mutable_handshake() = handshake_;
  request.mutable_open()->set_spec_hash(spec_hash_);
  stream_->Write(request);
}

void FakeActor::Send(const v1::ExperienceBatch& batch) {
  v1::ExperienceRequest request;
  *request.mutable_batch() = batch;
  stream_->Write(request);
}

void FakeActor::Collect(uint64_t group, uint32_t steps) {
  v1::ExperienceRequest request;
  request.mutable_collect()->set_group(group);
  request.mutable_collect()->set_steps(steps);
  stream_->Write(request);
}

bool FakeActor::ReadOne() {
  v1::ExperienceResponse response;
  if (!stream_->Read(&response)) {
    ADD_FAILURE() << "the stream ended: " << stream_->Finish().error_message();
    return false;
  }
  if (response.has_ack()) acks_.push_back(response.ack());
  if (response.has_grant()) grants_.push_back(response.grant());
  return true;
}

v1::ExperienceAck FakeActor::NextAck() {
  while (acks_.empty()) {
    if (!ReadOne()) return {};
  }
  return TakeFront(acks_);
}

v1::CollectGrant FakeActor::NextGrant() {
  while (grants_.empty()) {
    if (!ReadOne()) return {};
  }
  return TakeFront(grants_);
}

v1::ExperienceAck FakeActor::SendAndWait(const v1::ExperienceBatch& batch) {
  Send(batch);
  v1::ExperienceAck ack;
  do {
    ack = NextAck();
  } while (ack.sequence() > 0 && ack.sequence() < batch.sequence());
  return ack;
}

void FakeActor::Break() {
  if (stream_ == nullptr) return;
  stream_context_->TryCancel();
  stream_->Finish();
  stream_.reset();
}

absl::Status FakeActor::Leave() {
  stream_->WritesDone();
  v1::ExperienceResponse response;
  while (stream_->Read(&response)) {
  }
  const absl::Status status = FromGrpc(stream_->Finish());
  stream_.reset();
  return status;
}

void FakeActor::Subscribe(bool can_evaluate) {
  events_context_ = NewContext();
  v1::SubscribeRequest request;
  *request.mutable_handshake() = handshake_;
  request.set_can_evaluate(can_evaluate);
  events_ = stub_->Subscribe(events_context_.get(), request);
}

v1::LearnerEvent FakeActor::NextEvent(v1::LearnerEvent::KindCase kind) {
  v1::LearnerEvent event;
  while (events_->Read(&event)) {
    if (event.kind_case() == kind) return event;
  }
  ADD_FAILURE() << "the subscription ended";
  return {};
}

absl::Status FakeActor::SubscriptionEnd() {
  v1::LearnerEvent event;
  while (events_->Read(&event)) {
  }
  const absl::Status status = FromGrpc(events_->Finish());
  events_.reset();
  return status;
}

void FakeActor::Unsubscribe() {
  if (events_ == nullptr) return;
  events_context_->TryCancel();
  events_->Finish();
  events_.reset();
}

absl::Status FakeActor::Report(uint64_t evaluation_id, uint64_t policy_version, int successes,
                               int episodes) {
  v1::EvaluationResult result;
  *result.mutable_handshake() = handshake_;
  result.set_evaluation_id(evaluation_id);
  result.set_policy_version(policy_version);
  for (int i = 0; i < episodes; ++i) {
    v1::Episode* episode = result.add_episodes();
    episode->set_return_sum(i < successes ? 1 : -1);
    episode->set_length(10);
    episode->set_is_success(i < successes);
  }
  v1::ReportEvaluationResponse response;
  const auto context = NewContext();
  return FromGrpc(stub_->ReportEvaluation(context.get(), result, &response));
}

v1::StatusResponse FakeActor::Status() {
  v1::StatusResponse response;
  const auto context = NewContext();
  const grpc::Status status = stub_->GetStatus(context.get(), {}, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

}  // namespace armature
