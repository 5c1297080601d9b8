#include "actor/link/join_run.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "actor/link/learner_link.h"
#include "common/env_client/describe_env.h"
#include "common/rpc/env_limits.h"
#include "common/rpc/protocol.h"
#include "common/rpc_client/backoff.h"
#include "common/rpc_client/refusal.h"
#include "common/rpc_client/unary_call.h"
#include "common/rpc_client/wait_log.h"
#include "common/sync/steady_time.h"
#include "proto/env_service.grpc.pb.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

using DescribeCall = UnaryCall<v1::DescribeRequest, v1::DescribeResponse>;

absl::Status Named(const std::string& peer, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(peer, ": ", status.message()));
}

absl::Status NoAnswer(const std::string& peer, absl::Duration timeout, const std::string& last) {
  return absl::UnavailableError(
      absl::StrCat(peer, " did not answer within ", absl::FormatDuration(timeout), ": ", last));
}

// Asks again with back-off until the learner answers.
absl::StatusOr<v1::JoinResponse> JoinLearner(
    const JoinRunOptions& options, v1::LearnerService::Stub* stub, const ActorIdentity& identity,
    const EnvSpec* spec, const std::vector<std::string>& env_servers, const ChannelPool& channels,
    const std::atomic<bool>* stopping, WakeSignal* signal) {
  const std::string peer = absl::StrCat("learner ", options.learner_address);
  const absl::Time deadline = SteadyTime() + options.connect_timeout;
  Backoff backoff(identity.incarnation);
  std::string last = "no connection";
  WaitLog wait_log(SteadyTime());
  const auto wait_until = [&](absl::Time time) {
    signal->WaitUntil(std::min(time, wait_log.next()));
    wait_log.Tell(absl::StrCat("waits for ", peer, ": ", last), SteadyTime());
  };
  for (;;) {
    const auto call = LearnerLink::Join(stub, identity, spec, env_servers, signal);
    auto answer = call->Take();
    for (; !answer.has_value() && !stopping->load() && SteadyTime() < deadline;
         answer = call->Take()) {
      wait_until(deadline);
    }
    if (stopping->load()) return absl::CancelledError();
    if (answer.has_value() && answer->ok()) {
      absl::Status status = CheckHandshake((*answer)->handshake(), identity.run_id);
      if (!status.ok()) return Named(peer, status);
      return *std::move(*answer);
    }
    if (answer.has_value()) {
      const absl::Status status = channels.Explain(options.learner_address, answer->status());
      last = std::string(status.message());
      if (IsPermanentRefusal(status)) return Named(peer, status);
    }
    options.on_wait(absl::StrCat("waits for ", peer, ": ", last));
    const absl::Time next = SteadyTime() + backoff.Next();
    if (next >= deadline) return NoAnswer(peer, options.connect_timeout, last);
    while (SteadyTime() < next && !stopping->load()) wait_until(next);
  }
}

// Asks all env servers at once, each again with back-off, until one has answered.
class SpecSearch {
 public:
  SpecSearch(v1::DescribeRequest request, ServerDirectory* directory, ChannelPool* channels,
             WakeSignal* signal)
      : request_(std::move(request)), directory_(directory), channels_(channels), signal_(signal) {}

  // Returns a spec, an error once every server permanently refuses, or nothing yet.
  std::optional<absl::StatusOr<EnvSpec>> Poll(absl::Time now) {
    const std::vector<std::string> addresses = directory_->addresses();
    if (addresses.empty()) last_ = directory_->problem();
    size_t refusals = 0;
    for (const std::string& address : addresses) {
      Server& server = servers_.try_emplace(address, NameHash(address)).first->second;
      if (std::optional<EnvSpec> spec = Ask(address, &server, now)) return *std::move(spec);
      if (!server.refusal.ok()) ++refusals;
    }
    if (!addresses.empty() && refusals == addresses.size()) {
      return servers_.at(addresses.front()).refusal;
    }
    return std::nullopt;
  }

  absl::Time NextDeadline() const {
    absl::Time next = absl::InfiniteFuture();
    for (const auto& entry : servers_) {
      if (entry.second.call == nullptr) next = std::min(next, entry.second.next_attempt);
    }
    return next;
  }
  const std::string& last() const { return last_; }
  // Servers that have not answered yet and are connected or still connecting.
  std::string asked() const {
    std::vector<std::string> addresses;
    for (const auto& [address, server] : servers_) {
      if (server.call != nullptr) addresses.push_back(address);
    }
    return absl::StrJoin(addresses, ",");
  }

 private:
  struct Server {
    explicit Server(uint64_t seed) : backoff(seed) {}
    Backoff backoff;
    absl::Time next_attempt = absl::InfinitePast();
    absl::Status refusal;
    std::unique_ptr<DescribeCall> call;
  };

  std::optional<EnvSpec> Ask(const std::string& address, Server* server, absl::Time now) {
    if (server->call == nullptr && now >= server->next_attempt) Start(address, server, now);
    if (server->call == nullptr) return std::nullopt;
    auto answer = server->call->Take();
    if (!answer.has_value()) return std::nullopt;
    server->call.reset();
    absl::Status status = answer->status();
    if (status.ok()) {
      absl::StatusOr<EnvSpec> spec = CheckDescribeResponse(**answer);
      if (spec.ok()) return *std::move(spec);
      status = spec.status();
    }
    Fail(address, server, status, now);
    return std::nullopt;
  }

  void Start(const std::string& address, Server* server, absl::Time now) {
    const auto channel = channels_->Get(address);
    if (!channel.ok()) {
      Fail(address, server, channel.status(), now);
      return;
    }
    const auto stub = v1::EnvService::NewStub(*channel);
    server->call = absl::WrapUnique(
        new DescribeCall(stub.get(), &v1::EnvService::Stub::async_interface::Describe, request_,
                         kEnvAnswerTimeout, signal_));
  }

  void Fail(const std::string& address, Server* server, const absl::Status& failure,
            absl::Time now) {
    const absl::Status status = channels_->Explain(address, failure);
    const absl::Status named = Named(absl::StrCat("env server ", address), status);
    last_ = std::string(named.message());
    server->next_attempt = now + server->backoff.Next();
    server->refusal = IsPermanentRefusal(status) ? named : absl::OkStatus();
    directory_->Refresh();
  }

  const v1::DescribeRequest request_;
  ServerDirectory* const directory_;
  ChannelPool* const channels_;
  WakeSignal* const signal_;
  std::map<std::string, Server> servers_;
  std::string last_ = "no connection";
};

absl::StatusOr<EnvSpec> FindSpec(const JoinRunOptions& options, const v1::JoinResponse& first,
                                 ServerDirectory* directory, ChannelPool* channels,
                                 const std::atomic<bool>* stopping, WakeSignal* signal) {
  v1::DescribeRequest request;
  request.set_env_id(first.env_id());
  *request.mutable_env_config() = first.env_config();
  SpecSearch search(std::move(request), directory, channels, signal);
  const absl::Time deadline = SteadyTime() + options.connect_timeout;
  const std::string peer = absl::StrCat("env servers ", directory->written());
  bool told_late = false;
  WaitLog wait_log(SteadyTime());
  for (;;) {
    if (auto found = search.Poll(SteadyTime())) return *std::move(found);
    if (stopping->load()) return absl::CancelledError();
    const std::string asked = search.asked();
    const bool late = SteadyTime() >= deadline;
    if (late && asked.empty()) return NoAnswer(peer, options.connect_timeout, search.last());
    const std::string wait =
        asked.empty() ? absl::StrCat("waits for ", peer, ": ", search.last())
                      : absl::StrCat("waits for env server ", asked, " to describe ",
                                     first.env_id(), ", which may take ", v1::ENV_LIMIT_START_S,
                                     " s where it has to make the environment");
    options.on_wait(wait);
    if (late && !std::exchange(told_late, true)) spdlog::warn(wait);
    wait_log.Tell(wait, SteadyTime());
    const absl::Time next = std::min(search.NextDeadline(), wait_log.next());
    signal->WaitUntil(late ? next : std::min(deadline, next));
  }
}

}  // namespace

absl::Status CheckJoinResponse(const v1::JoinResponse& response) {
  auto bad = [](absl::string_view member, uint64_t value) {
    return absl::InvalidArgumentError(absl::StrCat("JoinResponse.", member, " is ", value));
  };
  const bool trajectories = response.collect_mode() == v1::COLLECT_MODE_TRAJECTORIES;
  if (!trajectories && response.collect_mode() != v1::COLLECT_MODE_TRANSITIONS) {
    return bad("collect_mode", response.collect_mode());
  }
  const bool unrolls = trajectories || response.in_rounds();
  if (unrolls && response.unroll_length() == 0) return bad("unroll_length", 0);
  if (!trajectories && response.transitions_per_batch() == 0)
    return bad("transitions_per_batch", 0);
  if (response.unacked_batches_max() == 0) return bad("unacked_batches_max", 0);
  if (response.num_groups() != 1 && response.num_groups() != 2) {
    return bad("num_groups", response.num_groups());
  }
  if (response.num_envs() == 0 || response.num_envs() % response.num_groups() != 0) {
    return bad("num_envs", response.num_envs());
  }
  return absl::OkStatus();
}

absl::StatusOr<JoinedRun> JoinRun(const JoinRunOptions& options, ServerDirectory* directory,
                                  ChannelPool* channels, const std::atomic<bool>* stopping,
                                  WakeSignal* signal) {
  const auto stub = v1::LearnerService::NewStub(options.learner);
  JoinedRun run;
  run.identity = options.identity;
  const auto first =
      JoinLearner(options, stub.get(), run.identity, nullptr, {}, *channels, stopping, signal);
  if (!first.ok()) return first.status();
  run.identity.run_id = first->handshake().run_id();
  run.env_config.insert(first->env_config().begin(), first->env_config().end());
  auto spec = FindSpec(options, *first, directory, channels, stopping, signal);
  if (!spec.ok()) return spec.status();
  run.spec = *std::move(spec);
  auto second = JoinLearner(options, stub.get(), run.identity, &run.spec, directory->addresses(),
                            *channels, stopping, signal);
  if (!second.ok()) return second.status();
  run.response = *std::move(second);
  const auto& parameters = run.response.parameters();
  absl::Status status = CheckJoinResponse(run.response);
  status.Update(ParameterValues(run.spec, {parameters.begin(), parameters.end()}).status());
  if (!status.ok()) {
    return Named(absl::StrCat("learner ", options.learner_address), status);
  }
  return run;
}

}  // namespace armature
