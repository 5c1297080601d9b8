#include "actor/link/learner_link.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "actor/link/run_settings.h"
#include "common/rpc/protocol.h"
#include "common/rpc_client/refusal.h"
#include "common/sync/steady_time.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

constexpr size_t kInboxMax = 16;
constexpr size_t kEnvServersMax = 1000;  // Limit in JoinRequest.
// Each batch may be refused; the log has the first refusal and then one now and then.
constexpr absl::Duration kRefusalLinePeriod = absl::Seconds(5);

}  // namespace

LearnerLink::LearnerLink(const Options& options, const std::shared_ptr<grpc::Channel>& channel,
                         const v1::JoinResponse& joined, PolicyStore* store, ActorMetrics* metrics,
                         std::function<void(const v1::EvaluationRequest&)> on_evaluation,
                         WakeSignal* signal)
    : options_(options),
      spec_hash_(SpecHash(options.spec)),
      joined_(joined),
      store_(store),
      metrics_(metrics),
      on_evaluation_(std::move(on_evaluation)),
      signal_(signal),
      stub_(v1::LearnerService::NewStub(channel)),
      lost_since_(SteadyTime()),
      backoff_(options.identity.incarnation) {
  OpenStreams(joined);
}

std::unique_ptr<LearnerLink::JoinCall> LearnerLink::Join(
    v1::LearnerService::Stub* stub, const ActorIdentity& identity, const EnvSpec* spec,
    const std::vector<std::string>& env_servers, WakeSignal* signal) {
  v1::JoinRequest request;
  *request.mutable_handshake() = identity.handshake();
  if (spec != nullptr) {
    *request.mutable_spec() = spec->ToProto();
    request.set_spec_hash(SpecHash(*spec));
    const size_t count = std::min(env_servers.size(), kEnvServersMax);
    request.mutable_env_servers()->Add(env_servers.begin(), env_servers.begin() + count);
  }
  return absl::WrapUnique(new JoinCall(stub, &v1::LearnerService::Stub::async_interface::Join,
                                       std::move(request), kJoinTimeout, signal));
}

void LearnerLink::OpenStreams(const v1::JoinResponse& joined) {
  if (stream_ == nullptr) {
    outbox_.Rejoin(joined.acknowledged_sequence());
    refused_ = 0;
    stream_ = std::make_unique<Stream>(
        [this](grpc::ClientContext* context,
               grpc::ClientBidiReactor<v1::ExperienceRequest, v1::ExperienceResponse>* reactor) {
          stub_->async()->StreamExperience(context, reactor);
        },
        kInboxMax, signal_);
    v1::ExperienceRequest open;
    *open.mutable_open()->mutable_handshake() = options_.identity.handshake();
    open.mutable_open()->set_spec_hash(spec_hash_);
    stream_->Write(std::move(open));
    last_heartbeat_ = SteadyTime();
    WriteUnsent();
    reopened_ = true;
  }
  if (subscription_ == nullptr) {
    const uint64_t incarnation = joined.handshake().incarnation();
    v1::SubscribeRequest request;
    *request.mutable_handshake() = options_.identity.handshake();
    // A restarted learner may have gone back to an older version; then its newest is needed too.
    if (store_->learner_incarnation() == incarnation) {
      request.set_have_version(store_->newest().version);
    }
    request.set_can_evaluate(true);
    subscription_ = std::make_unique<PolicySubscription>(
        stub_.get(), request,
        [this, incarnation](const v1::LearnerEvent& event) { OnEvent(event, incarnation); },
        signal_);
  }
}

void LearnerLink::OnEvent(const v1::LearnerEvent& event, uint64_t learner_incarnation) {
  switch (event.kind_case()) {
    case v1::LearnerEvent::kPolicy: {
      const std::map<std::string, double> parameters(event.policy().parameters().begin(),
                                                     event.policy().parameters().end());
      absl::Status status = ParameterValues(options_.spec, parameters).status();
      if (status.ok()) status = store_->Apply(event.policy(), learner_incarnation);
      if (!status.ok()) {
        metrics_->policy_updates_refused.Increment();
        if (policy_refused_.exchange(true)) return;
        spdlog::error("refused policy version {} of learner {}: {}", event.policy().version(),
                      options_.address, std::string(status.message()));
        return;
      }
      policy_refused_.store(false);
      metrics_->policy_updates.Increment();
      metrics_->policy_version.Set(static_cast<double>(event.policy().version()));
      return;
    }
    case v1::LearnerEvent::kEvaluation:
      on_evaluation_(event.evaluation());
      return;
    case v1::LearnerEvent::kRunOver:
      spdlog::info("the run is over: {}", event.run_over().reason());
      run_over_.store(true);
      return;
    default:
      spdlog::warn("learner {} sent an event of no known kind", options_.address);
  }
}

LearnerLink::Received LearnerLink::Poll(absl::Time now) {
  Received received;
  PollStream(&received);
  PollSubscription();
  if (!run_over()) PollJoin(now);
  received.reopened = std::exchange(reopened_, false);
  return received;
}

void LearnerLink::PollStream(Received* received) {
  if (stream_ == nullptr) return;
  Stream::Received taken = stream_->Take();
  for (const v1::ExperienceResponse& message : taken.messages) {
    if (message.has_ack()) OnAck(message.ack());
    if (message.has_grant()) received->grants.push_back(message.grant());
  }
  if (!taken.messages.empty()) backoff_.Reset();
  if (taken.ended.has_value()) {
    stream_.reset();
    received->grants.clear();
    OnLost("the experience stream ended", *taken.ended);
  }
}

void LearnerLink::PollSubscription() {
  if (subscription_ == nullptr) return;
  const std::optional<absl::Status> ended = subscription_->ended();
  if (!ended.has_value()) return;
  subscription_.reset();
  OnLost("the subscription ended", *ended);
}

void LearnerLink::OnLost(const char* what, const absl::Status& status) {
  const absl::Time now = SteadyTime();
  last_failure_ =
      absl::StrCat("learner ", options_.address, ": ",
                   status.message().empty() ? std::string(what) : std::string(status.message()));
  if (run_over()) return;
  // The stream that ends second adds no information.
  if (stream_ == nullptr && subscription_ == nullptr) return;
  lost_since_ = now;
  next_attempt_ = now + backoff_.Next();
  spdlog::warn("{}; joining again", last_failure_);
}

void LearnerLink::PollJoin(absl::Time now) {
  if (connected() || !refusal_.ok()) return;
  if (join_ == nullptr) {
    if (now >= next_attempt_) {
      join_ = Join(stub_.get(), options_.identity, &options_.spec, options_.directory->addresses(),
                   signal_);
    }
    return;
  }
  const auto answer = join_->Take();
  if (!answer.has_value()) return;
  join_.reset();
  const absl::Status status = answer->ok()
                                  ? CheckHandshake((*answer)->handshake(), options_.identity.run_id)
                                  : answer->status();
  if (status.ok()) {
    spdlog::info("joined learner {} again", options_.address);
    metrics_->reconnects_learner.Increment();
    settings_change_ = DescribeSettingsChange(joined_, **answer);
    OpenStreams(**answer);
    return;
  }
  last_failure_ = absl::StrCat("learner ", options_.address, ": ", status.message());
  next_attempt_ = now + backoff_.Next();
  if (IsPermanentRefusal(status)) refusal_ = absl::Status(status.code(), last_failure_);
}

void LearnerLink::OnAck(const v1::ExperienceAck& ack) {
  if (absl::Status status = outbox_.Acknowledge(ack.sequence()); !status.ok()) {
    spdlog::error("learner {}: {}", options_.address, std::string(status.message()));
    return;
  }
  metrics_->unacked_batches.Set(static_cast<double>(outbox_.size()));
  if (ack.refused() <= refused_) return;
  const int64_t refused = static_cast<int64_t>(ack.refused() - refused_);
  refused_ = ack.refused();
  refused_untold_ += refused;
  metrics_->batches_refused.Increment(static_cast<double>(refused));
  if (SteadyTime() < next_refusal_line_) return;
  spdlog::error("learner {} refused {} batches, the last because: {}", options_.address,
                refused_untold_, ack.refusal());
  refused_untold_ = 0;
  next_refusal_line_ = SteadyTime() + kRefusalLinePeriod;
}

void LearnerLink::Send(v1::ExperienceBatch batch) {
  outbox_.Add(std::move(batch));
  metrics_->unacked_batches.Set(static_cast<double>(outbox_.size()));
  WriteUnsent();
}

void LearnerLink::WriteUnsent() {
  if (stream_ == nullptr) return;
  const int64_t resent_before = outbox_.resent();
  while (const v1::ExperienceBatch* batch = outbox_.Next()) {
    v1::ExperienceRequest request;
    *request.mutable_batch() = *batch;
    stream_->Write(std::move(request));
    metrics_->batches_sent.Increment();
  }
  metrics_->batches_resent.Increment(static_cast<double>(outbox_.resent() - resent_before));
}

void LearnerLink::RequestCollect(uint64_t group, uint32_t steps) {
  if (stream_ == nullptr) return;
  v1::ExperienceRequest request;
  request.mutable_collect()->set_group(group);
  request.mutable_collect()->set_steps(steps);
  stream_->Write(std::move(request));
}

bool LearnerLink::heartbeat_due(absl::Time now) const {
  return stream_ != nullptr && now - last_heartbeat_ >= kHeartbeatPeriod;
}

void LearnerLink::SendHeartbeat(v1::ExperienceRequest::Heartbeat heartbeat, absl::Time now) {
  v1::ExperienceRequest request;
  *request.mutable_heartbeat() = std::move(heartbeat);
  stream_->Write(std::move(request));
  last_heartbeat_ = now;
}

void LearnerLink::FinishSending() {
  if (stream_ != nullptr) stream_->HalfClose();
}

absl::Time LearnerLink::NextDeadline() const {
  absl::Time next = absl::InfiniteFuture();
  if (stream_ != nullptr) next = std::min(next, last_heartbeat_ + kHeartbeatPeriod);
  if (!connected() && join_ == nullptr) next = std::min(next, next_attempt_);
  return next;
}

}  // namespace armature
