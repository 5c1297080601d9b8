#include "learner/replicas/replica_member.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/rpc/protocol.h"
#include "common/rpc_client/unary_call.h"
#include "common/sync/steady_time.h"
#include "learner/replicas/tensor_wire.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

constexpr absl::Duration kBackoffMin = absl::Milliseconds(100);
constexpr absl::Duration kBackoffMax = absl::Seconds(5);
constexpr absl::Duration kSayWhoIsMissingAfter = absl::Seconds(1);

// Whether retrying is pointless because replica 0 refuses this replica.
bool IsRefusal(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status) ||
         absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status);
}

}  // namespace

ReplicaMember::ReplicaMember(uint32_t replica, const std::shared_ptr<grpc::Channel>& channel,
                             WakeSignal* trainer)
    : replica_(replica),
      stub_(v1::ReplicaService::NewStub(channel)),
      trainer_(trainer),
      backoff_(kBackoffMin),
      last_seen_(SteadyTime()) {
  *join_.mutable_handshake() =
      MakeHandshake(absl::StrCat("learner-", replica), NewIncarnation(), "");
  join_.set_replica(replica);
}

ReplicaMember::~ReplicaMember() {
  if (membership_ != nullptr) membership_->Abandon();
}

absl::Status ReplicaMember::Begin(const Identity& identity, SharedState* state) {
  state_ = state;
  join_.set_algorithm(identity.algorithm);
  join_.set_averaging(identity.averaging);
  join_.set_spec_hash(identity.spec_hash);
  EncodeLayout(state->Snapshot(), join_.mutable_layout());
  return absl::OkStatus();
}

absl::StatusOr<ReplicaGroup::Standing> ReplicaMember::Synchronize(uint64_t env_steps) {
  if (stopped()) return Standing::kOutside;
  if (membership_ != nullptr && membership_->run_is_over()) return Standing::kRunIsOver;
  if (joined_ && !membership_->is_over()) {
    last_seen_ = SteadyTime();
    return Standing::kMember;
  }
  if (joined_) {
    joined_ = false;
    spdlog::warn("replica 0 is gone or has gone on without this replica; it joins again");
  }
  if (SteadyTime() < next_attempt_) return Standing::kOutside;
  return Join(env_steps);
}

absl::StatusOr<ReplicaGroup::Standing> ReplicaMember::Join(uint64_t env_steps) {
  join_.set_env_steps(env_steps);
  {
    absl::MutexLock lock(&mutex_);
    if (stopped_) return Standing::kOutside;
    if (membership_ != nullptr) membership_->Abandon();
    membership_ = Membership::Start(stub_.get(), join_, trainer_);
  }
  const absl::StatusOr<v1::ReplicaWelcome> welcome =
      membership_->AwaitWelcome(SteadyTime() + kWelcomeWithin);
  if (membership_->run_is_over()) return Standing::kRunIsOver;
  const absl::StatusOr<NamedTensors> state =
      welcome.ok() ? DecodeTensors(welcome->state()) : welcome.status();
  const absl::Status status = state.ok() ? state_->Restore(*state) : state.status();
  if (!status.ok()) {
    if (absl::Status fatal = AfterFailure(status); !fatal.ok()) return fatal;
    return Standing::kOutside;
  }
  join_.mutable_handshake()->set_run_id(welcome->run_id());
  membership_id_ = welcome->membership();
  average_number_ = welcome->round();
  joined_ = true;
  backoff_ = kBackoffMin;
  last_seen_ = SteadyTime();
  {
    absl::MutexLock lock(&mutex_);
    others_env_steps_ = welcome->run_env_steps() - std::min(env_steps, welcome->run_env_steps());
  }
  spdlog::info("replica {} joined replica 0 at average {}", replica_, average_number_);
  return Standing::kJoined;
}

absl::Status ReplicaMember::AfterFailure(const absl::Status& failure) {
  membership_->Cancel();
  if (absl::IsUnimplemented(failure)) {
    return absl::FailedPreconditionError("the learner at --replica_host has learner.replicas=1");
  }
  if (IsRefusal(failure)) return failure;
  const absl::Time now = SteadyTime();
  if (now - last_seen_ > kHostLostMax) {
    return absl::UnavailableError(absl::StrFormat("replica 0 has been gone for %.0f s: %s",
                                                  absl::ToDoubleSeconds(now - last_seen_),
                                                  std::string(failure.message())));
  }
  last_failure_ = failure;
  next_attempt_ = now + backoff_;
  backoff_ = std::min(2 * backoff_, kBackoffMax);
  return absl::OkStatus();
}

absl::StatusOr<NamedTensors> ReplicaMember::Average(const NamedTensors& own, uint64_t env_steps) {
  if (!joined_) return absl::FailedPreconditionError("this replica is no member (any more)");
  v1::AverageRequest request;
  request.set_membership(membership_id_);
  request.set_round(average_number_);
  request.set_env_steps(env_steps);
  EncodeTensors(own, request.mutable_tensors());
  const absl::StatusOr<v1::AverageResponse> response = Send(request);
  absl::StatusOr<NamedTensors> mean =
      response.ok() ? DecodeTensors(response->tensors()) : response.status();
  const absl::Status status =
      mean.ok() ? CheckLayout(*mean, own, "the mean of replica 0") : mean.status();
  if (!status.ok()) {
    membership_->Cancel();  // The others have averaged without this replica.
    joined_ = false;
    if (!absl::IsCancelled(status)) {
      spdlog::warn("average {}: {}", average_number_, std::string(status.message()));
    }
    return status;
  }
  ++average_number_;
  absl::MutexLock lock(&mutex_);
  others_env_steps_ = response->run_env_steps() - std::min(env_steps, response->run_env_steps());
  return mean;
}

absl::StatusOr<v1::AverageResponse> ReplicaMember::Send(const v1::AverageRequest& request) {
  WakeSignal answered;
  UnaryCall<v1::AverageRequest, v1::AverageResponse> call(
      stub_.get(), &v1::ReplicaService::Stub::async_interface::Average, request,
      absl::InfiniteDuration(), &answered);
  for (;;) {
    answered.WaitUntil(SteadyTime() + kSayWhoIsMissingAfter);
    if (auto answer = call.Take()) return *std::move(answer);
    if (stopped() || membership_->is_over()) call.Cancel();
    on_wait_(absl::StrCat("replica ", replica_, " waits for replica 0 to average"));
  }
}

void ReplicaMember::Stop() {
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
  // Replica 0 then ends the Average call in which this replica may be waiting.
  if (membership_ != nullptr) membership_->Cancel();
}

bool ReplicaMember::stopped() const {
  absl::MutexLock lock(&mutex_);
  return stopped_;
}

uint64_t ReplicaMember::others_env_steps() const {
  absl::MutexLock lock(&mutex_);
  return others_env_steps_;
}

absl::Time ReplicaMember::next_deadline() const {
  const bool joins = state_ != nullptr && !joined_;
  return joins ? next_attempt_ : absl::InfiniteFuture();
}

std::string ReplicaMember::Waiting() const {
  if (joined_) return "";
  return absl::StrCat("replica ", replica_, " waits for replica 0",
                      last_failure_.ok() ? "" : absl::StrCat(": ", last_failure_.message()));
}

}  // namespace armature
