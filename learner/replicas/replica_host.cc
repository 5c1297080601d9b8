#include "learner/replicas/replica_host.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/rpc/protocol.h"
#include "common/rpc/transport.h"
#include "common/sync/steady_time.h"
#include "learner/replicas/tensor_wire.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

constexpr absl::Duration kSayWhoIsMissingAfter = absl::Seconds(1);

std::string Name(uint32_t replica) { return absl::StrCat("replica ", replica); }

absl::Status Differs(const std::string& whose, absl::string_view field, absl::string_view has,
                     absl::string_view wants) {
  return absl::FailedPreconditionError(
      absl::StrCat(whose, ": ", field, " is ", has, ", expected ", wants));
}

v1::ReplicaEvent OverEvent(const std::string& reason) {
  v1::ReplicaEvent event;
  event.mutable_run_over()->set_reason(reason);
  return event;
}

}  // namespace

ReplicaHost::ReplicaHost(const Options& options, const Metrics& metrics, WakeSignal* trainer)
    : options_(options), trainer_(trainer), metrics_(metrics) {
  metrics_.replicas.Set(1);
}

absl::Status ReplicaHost::Ask(std::shared_ptr<ReplicaPeer> peer,
                              const v1::JoinReplicasRequest& request) {
  if (absl::Status status = CheckHandshake(request.handshake(), options_.run_id); !status.ok()) {
    return status;
  }
  const uint32_t replica = request.replica();
  if (replica < 1 || replica >= options_.replicas) {
    return absl::InvalidArgumentError(
        absl::StrCat("replica is ", replica, ", expected 1 to ", options_.replicas - 1,
                     " with learner.replicas=", options_.replicas, " of replica 0"));
  }
  {
    absl::MutexLock lock(&mutex_);
    if (over_) {
      peer->Send(OverEvent(*over_));
      return absl::OkStatus();
    }
    const absl::Status again = absl::AbortedError(Name(replica) + " joined again");
    if (const auto member = members_.find(replica); member != members_.end()) Drop(member, again);
    Applicant& applicant = applicants_[replica];
    if (applicant.peer != nullptr) applicant.peer->End(again);
    applicant = {std::move(peer), request};
  }
  trainer_->Notify();
  return absl::OkStatus();
}

void ReplicaHost::Leave(const ReplicaPeer* peer) {
  absl::MutexLock lock(&mutex_);
  for (auto it = applicants_.begin(); it != applicants_.end(); ++it) {
    if (it->second.peer.get() == peer) {
      applicants_.erase(it);
      return;
    }
  }
  for (auto it = members_.begin(); it != members_.end(); ++it) {
    if (it->second.peer.get() == peer) {
      Drop(it, absl::UnavailableError("it is gone"));
      return;
    }
  }
}

absl::Status ReplicaHost::Give(std::shared_ptr<AverageCall> call,
                               const v1::AverageRequest& request) {
  absl::StatusOr<NamedTensors> tensors = DecodeTensors(request.tensors());
  if (!tensors.ok()) return tensors.status();
  absl::MutexLock lock(&mutex_);
  for (auto& [replica, member] : members_) {
    if (member.membership != request.membership()) continue;
    if (request.round() != average_number_) {
      return absl::FailedPreconditionError(absl::StrCat(Name(replica), " is at average ",
                                                        request.round(), ", replica 0 at ",
                                                        average_number_, "; join again"));
    }
    member.deposit = Deposit{std::move(call), *std::move(tensors)};
    changed_.NotifyAll();
    env_steps_[replica] = request.env_steps();
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError("this replica is no member (any more); join again");
}

absl::Status ReplicaHost::Begin(const Identity& identity, SharedState* state) {
  identity_ = identity;
  state_ = state;
  int64_t bytes = 0;
  for (const auto& named : state->Snapshot()) bytes += named.second.nbytes();
  if (bytes <= kMessageBytesMax / 2) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("learner.replicas=", options_.replicas, " would exchange ", bytes >> 20,
                   " MiB in an average, more than ", kMessageBytesMax >> 21,
                   " MiB; lower algorithm.network.hidden_sizes or set learner.replicas=1"));
}

absl::StatusOr<ReplicaGroup::Standing> ReplicaHost::Synchronize(uint64_t env_steps) {
  absl::MutexLock lock(&mutex_);
  if (applicants_.empty()) return Standing::kMember;
  const NamedTensors snapshot = state_->Snapshot();
  v1::ReplicaEvent event;
  v1::ReplicaWelcome& welcome = *event.mutable_welcome();
  EncodeTensors(snapshot, welcome.mutable_state());
  welcome.set_run_id(options_.run_id);
  welcome.set_round(average_number_);
  for (auto& [replica, applicant] : applicants_) {
    const absl::Status check = CheckApplicant(applicant.request, snapshot);
    if (!check.ok()) {
      spdlog::warn("refused to let {} join: {}", Name(replica), std::string(check.message()));
      applicant.peer->End(check);
      continue;
    }
    env_steps_[replica] = applicant.request.env_steps();
    welcome.set_membership(NewIncarnation());
    welcome.set_run_env_steps(env_steps + OthersEnvSteps());
    applicant.peer->Send(event);
    members_[replica] = {welcome.membership(), std::move(applicant.peer), std::nullopt};
    spdlog::info("{} joined at average {}", Name(replica), average_number_);
  }
  applicants_.clear();
  metrics_.replicas.Set(1 + members_.size());
  return Standing::kMember;
}

absl::Status ReplicaHost::CheckApplicant(const v1::JoinReplicasRequest& request,
                                         const NamedTensors& snapshot) const {
  const std::string whose = Name(request.replica());
  if (request.algorithm() != identity_.algorithm) {
    return Differs(whose, "algorithm.name", request.algorithm(), identity_.algorithm);
  }
  if (request.averaging() != identity_.averaging) {
    return Differs(whose, "learner.averaging", request.averaging(), identity_.averaging);
  }
  if (request.spec_hash() != identity_.spec_hash) {
    return Differs(whose, "the hash of the environment's spec",
                   absl::StrCat(absl::Hex(request.spec_hash())),
                   absl::StrCat(absl::Hex(identity_.spec_hash)));
  }
  return CheckLayout(request.layout(), snapshot, whose);
}

absl::StatusOr<NamedTensors> ReplicaHost::Average(const NamedTensors& own, uint64_t env_steps) {
  absl::MutexLock lock(&mutex_);
  if (!AwaitDeposits()) return absl::CancelledError("this replica stops");
  std::vector<NamedTensors> contributions = {own};
  for (auto it = members_.begin(); it != members_.end();) {
    Member& member = it->second;
    absl::Status status;
    if (!member.deposit) {
      status = absl::FailedPreconditionError(absl::StrCat(
          Name(it->first), " did not come to average ", average_number_,
          " within learner.average_timeout_s=", absl::ToDoubleSeconds(options_.timeout),
          "; join again"));
    } else {
      status = CheckLayout(member.deposit->tensors, own,
                           absl::StrCat(Name(it->first), " in average ", average_number_));
    }
    if (!status.ok()) {
      it = Drop(it, status);
      continue;
    }
    contributions.push_back(std::move(member.deposit->tensors));
    ++it;
  }
  ++average_number_;
  if (members_.empty()) return own;
  // Deposits for the next average come only after these answers.
  NamedTensors mean = MeanOf(contributions);
  v1::AverageResponse response;
  EncodeTensors(mean, response.mutable_tensors());
  response.set_run_env_steps(env_steps + OthersEnvSteps());
  for (auto& [replica, member] : members_) {
    member.deposit->call->Answer(absl::OkStatus(), response);
    member.deposit.reset();
  }
  return mean;
}

bool ReplicaHost::AwaitDeposits() {
  const absl::Time deadline = SteadyTime() + options_.timeout;
  while (!Interrupted()) {
    const absl::Time until = std::min(deadline, SteadyTime() + kSayWhoIsMissingAfter);
    while (!Interrupted() && SteadyTime() < until) changed_.WaitUntil(&mutex_, until);
    if (Interrupted()) break;
    if (SteadyTime() >= deadline) return true;
    const std::string missing = Missing();
    mutex_.Unlock();
    on_wait_(missing);
    mutex_.Lock();
  }
  return !stopped_;
}

bool ReplicaHost::Interrupted() const { return stopped_ || Missing().empty(); }

std::string ReplicaHost::Missing() const {
  std::vector<std::string> missing;
  for (const auto& [replica, member] : members_) {
    if (!member.deposit) missing.push_back(Name(replica));
  }
  if (missing.empty()) return "";
  return absl::StrCat("replica 0 waits for ", absl::StrJoin(missing, ", "), " to average");
}

ReplicaHost::Members::iterator ReplicaHost::Drop(Members::iterator member,
                                                 const absl::Status& why) {
  spdlog::warn("the run goes on without {}: {}", Name(member->first), std::string(why.message()));
  if (member->second.deposit) {
    member->second.deposit->call->Answer(absl::FailedPreconditionError(why.message()), {});
  }
  member->second.peer->End(why);
  const auto next = members_.erase(member);
  changed_.NotifyAll();
  metrics_.replicas_lost.Increment();
  metrics_.replicas.Set(1 + members_.size());
  return next;
}

void ReplicaHost::End(const std::string& reason) {
  absl::MutexLock lock(&mutex_);
  over_ = reason;
  for (auto& [replica, member] : members_) {
    member.peer->Send(OverEvent(reason));
    if (member.deposit) {
      member.deposit->call->Answer(absl::CancelledError("the run is over"), {});
    }
  }
  for (auto& [replica, applicant] : applicants_) applicant.peer->Send(OverEvent(reason));
  members_.clear();
  applicants_.clear();
  changed_.NotifyAll();
}

void ReplicaHost::Stop() {
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
  changed_.NotifyAll();
}

uint64_t ReplicaHost::others_env_steps() const {
  absl::MutexLock lock(&mutex_);
  return OthersEnvSteps();
}

uint64_t ReplicaHost::OthersEnvSteps() const {
  uint64_t sum = 0;
  for (const auto& [replica, env_steps] : env_steps_) sum += env_steps;
  return sum;
}

}  // namespace armature
