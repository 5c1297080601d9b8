#include "actor/testing/fake_learner.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/protocol.h"

namespace armature {
namespace {

constexpr char kRunId[] = "fake-run";

}  // namespace

FakeLearner::FakeLearner(const Options& options)
    : grants_all_(options.grants), join_(options.join) {
  server_.Stop();  // Only the port is taken, so that the address is known.
}

FakeLearner::~FakeLearner() { Stop(); }

void FakeLearner::Start() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = false;
    ++incarnation_;
    knows_actor_ = false;
  }
  server_.Start();
}

void FakeLearner::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  server_.Stop();
}

void FakeLearner::SetJoin(const v1::JoinResponse& join) {
  absl::MutexLock lock(&mutex_);
  join_ = join;
}

void FakeLearner::LimitAdmission(uint64_t sequence) {
  absl::MutexLock lock(&mutex_);
  admit_limit_ = sequence;
}

void FakeLearner::LimitAcks(uint64_t sequence) {
  absl::MutexLock lock(&mutex_);
  ack_limit_ = sequence;
  if (stream_ != nullptr && admitted_ > 0) WriteAck();
}

void FakeLearner::ForgetAbove(uint64_t sequence) {
  absl::MutexLock lock(&mutex_);
  admitted_ = std::min(admitted_, sequence);
}

void FakeLearner::ForgetJoins() {
  absl::MutexLock lock(&mutex_);
  knows_actor_ = false;
}

void FakeLearner::Publish(const v1::PolicyUpdate& update) {
  absl::MutexLock lock(&mutex_);
  policy_ = update;
  ++policies_;
}

void FakeLearner::Evaluate(const v1::EvaluationRequest& request) {
  absl::MutexLock lock(&mutex_);
  events_.emplace_back();
  *events_.back().mutable_evaluation() = request;
}

void FakeLearner::EndRun() {
  absl::MutexLock lock(&mutex_);
  events_.emplace_back();
  events_.back().mutable_run_over()->set_reason("the test is over");
}

v1::CollectRequest FakeLearner::AwaitCollectRequest() {
  absl::MutexLock lock(&mutex_);
  auto some = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !requests_.empty(); };
  mutex_.Await(absl::Condition(&some));
  const v1::CollectRequest request = requests_.front();
  requests_.pop_front();
  return request;
}

void FakeLearner::Grant(const v1::CollectGrant& grant) {
  v1::ExperienceResponse response;
  *response.mutable_grant() = grant;
  absl::MutexLock lock(&mutex_);
  if (stream_ != nullptr) stream_->Write(response);
}

std::vector<v1::ExperienceBatch> FakeLearner::AwaitBatches(size_t count) {
  absl::MutexLock lock(&mutex_);
  auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return batches_.size() >= count; };
  mutex_.Await(absl::Condition(&enough));
  return batches_;
}

v1::EvaluationResult FakeLearner::AwaitEvaluation() {
  absl::MutexLock lock(&mutex_);
  auto some = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !evaluations_.empty(); };
  mutex_.Await(absl::Condition(&some));
  const v1::EvaluationResult result = evaluations_.front();
  evaluations_.pop_front();
  return result;
}

v1::ExperienceRequest::Heartbeat FakeLearner::AwaitHeartbeat() {
  absl::MutexLock lock(&mutex_);
  auto some = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !heartbeats_.empty(); };
  mutex_.Await(absl::Condition(&some));
  const v1::ExperienceRequest::Heartbeat heartbeat = heartbeats_.front();
  heartbeats_.pop_front();
  return heartbeat;
}

void FakeLearner::AwaitStreamEnd() {
  absl::MutexLock lock(&mutex_);
  auto ended = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stream_ == nullptr; };
  mutex_.Await(absl::Condition(&ended));
}

void FakeLearner::AwaitRead(int64_t count) {
  absl::MutexLock lock(&mutex_);
  auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return read_ >= count; };
  mutex_.Await(absl::Condition(&enough));
}

int64_t FakeLearner::read() const {
  absl::MutexLock lock(&mutex_);
  return read_;
}
int64_t FakeLearner::duplicates() const {
  absl::MutexLock lock(&mutex_);
  return duplicates_;
}
int64_t FakeLearner::gaps() const {
  absl::MutexLock lock(&mutex_);
  return gaps_;
}
int64_t FakeLearner::joins() const {
  absl::MutexLock lock(&mutex_);
  return joins_;
}

grpc::Status FakeLearner::Join(grpc::ServerContext* /*context*/, const v1::JoinRequest* request,
                               v1::JoinResponse* response) {
  const absl::Status status = CheckHandshake(request->handshake(), kRunId);
  if (!status.ok()) {
    return {grpc::StatusCode::FAILED_PRECONDITION, std::string(status.message())};
  }
  absl::MutexLock lock(&mutex_);
  *response = join_;
  *response->mutable_handshake() = MakeHandshake("fake-learner", incarnation_, kRunId);
  if (!request->has_spec()) return grpc::Status::OK;
  ++joins_;
  knows_actor_ = true;
  if (std::exchange(actor_incarnation_, request->handshake().incarnation()) !=
      request->handshake().incarnation()) {
    admitted_ = 0;
  }
  response->set_acknowledged_sequence(admitted_);
  return grpc::Status::OK;
}

void FakeLearner::WriteAck() {
  v1::ExperienceResponse response;
  response.mutable_ack()->set_sequence(std::min(admitted_, ack_limit_));
  stream_->Write(response);
}

grpc::Status FakeLearner::OnBatch(const v1::ExperienceBatch& batch) {
  ++read_;
  if (batch.sequence() <= admitted_) {
    ++duplicates_;
  } else if (batch.sequence() > admit_limit_) {
    return grpc::Status::OK;
  } else if (batch.sequence() > admitted_ + 1) {
    ++gaps_;
    return {grpc::StatusCode::OUT_OF_RANGE, "a gap"};
  } else {
    admitted_ = batch.sequence();
    batches_.push_back(batch);
  }
  WriteAck();
  return grpc::Status::OK;
}

grpc::Status FakeLearner::StreamExperience(grpc::ServerContext* /*context*/,
                                           ExperienceStream* stream) {
  v1::ExperienceRequest request;
  if (!stream->Read(&request)) return grpc::Status::OK;
  {
    absl::MutexLock lock(&mutex_);
    if (!knows_actor_) return {grpc::StatusCode::FAILED_PRECONDITION, "join first"};
    requests_.clear();
    stream_ = stream;
  }
  grpc::Status status;
  while (status.ok() && stream->Read(&request)) {
    absl::MutexLock lock(&mutex_);
    if (request.has_batch()) status = OnBatch(request.batch());
    const v1::ExperienceRequest::Heartbeat& heartbeat = request.heartbeat();
    if (heartbeat.grant_id_size() > 0 || heartbeat.evaluation_id() != 0) {
      heartbeats_.push_back(heartbeat);
    }
    if (!request.has_collect()) continue;
    if (!grants_all_) {
      requests_.push_back(request.collect());
      continue;
    }
    v1::ExperienceResponse response;
    response.mutable_grant()->set_group(request.collect().group());
    response.mutable_grant()->set_grant_id(++grants_);
    stream->Write(response);
  }
  absl::MutexLock lock(&mutex_);
  stream_ = nullptr;
  return status;
}

grpc::Status FakeLearner::Subscribe(grpc::ServerContext* /*context*/,
                                    const v1::SubscribeRequest* request,
                                    grpc::ServerWriter<v1::LearnerEvent>* writer) {
  absl::MutexLock lock(&mutex_);
  int64_t sent =
      policy_.has_value() && policy_->version() == request->have_version() ? policies_ : 0;
  for (;;) {
    auto news = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return stopping_ || policies_ != sent || !events_.empty();
    };
    mutex_.Await(absl::Condition(&news));
    if (stopping_) return {grpc::StatusCode::UNAVAILABLE, "the learner ends"};
    if (policies_ != sent) {
      sent = policies_;
      v1::LearnerEvent event;
      *event.mutable_policy() = *policy_;
      writer->Write(event);
      continue;
    }
    const v1::LearnerEvent event = events_.front();
    events_.pop_front();
    writer->Write(event);
    if (event.has_run_over()) return grpc::Status::OK;
  }
}

grpc::Status FakeLearner::ReportEvaluation(grpc::ServerContext* /*context*/,
                                           const v1::EvaluationResult* request,
                                           v1::ReportEvaluationResponse* /*response*/) {
  absl::MutexLock lock(&mutex_);
  evaluations_.push_back(*request);
  return grpc::Status::OK;
}

}  // namespace armature
