#include "learner/service/remote_goal_reward.h"

#include <algorithm>
#include <utility>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/rpc/peer_probe.h"
#include "common/rpc_client/unary_call.h"
#include "common/sync/steady_time.h"
#include "common/tensor/packed.h"

namespace armature {
namespace {

// `rows` [n, .], each of `shape`.
void SetRows(const at::Tensor& rows, std::vector<int64_t> shape, v1::Tensor* tensor) {
  shape.insert(shape.begin(), rows.size(0));
  const at::Tensor values = rows.to(at::kCPU).contiguous();
  SetTensor<float>(shape, {values.const_data_ptr<float>(), static_cast<size_t>(values.numel())},
                   tensor);
}

}  // namespace

RemoteGoalReward::RemoteGoalReward(const Options& options) : options_(options) {
  if (options_.servers.empty()) return;
  for (const absl::string_view address : absl::StrSplit(options_.servers, ',')) {
    servers_.push_back({std::string(absl::StripAsciiWhitespace(address))});
  }
}

absl::Status RemoteGoalReward::AddServers(const std::vector<std::string>& addresses) {
  for (const std::string& address : addresses) {
    if (absl::Status status = ParseAddress(address).status(); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("env_servers: ", status.message()));
    }
  }
  if (!options_.servers.empty()) return absl::OkStatus();
  absl::MutexLock lock(&mutex_);
  new_servers_.insert(new_servers_.end(), addresses.begin(), addresses.end());
  if (new_servers_.size() > kServersMax) {
    new_servers_.erase(new_servers_.begin(), new_servers_.end() - kServersMax);
  }
  return absl::OkStatus();
}

void RemoteGoalReward::SetEnv(const EnvSpec& env) {
  env_id_ = env.id;
  extra_ = env.goal->extra;
  for (const FieldSpec& field : env.observation) {
    if (field.name == env.goal->achieved_field) goal_shape_ = field.shape;
  }
}

void RemoteGoalReward::TakeNewServers() {
  std::vector<std::string> added;
  {
    absl::MutexLock lock(&mutex_);
    added.swap(new_servers_);
  }
  for (std::string& address : added) {
    const auto known =
        std::find_if(servers_.begin(), servers_.end(),
                     [&address](const Server& server) { return server.address == address; });
    // An actor has just reached this server, so try it again now.
    if (known != servers_.end()) {
      known->next_attempt = absl::InfinitePast();
      continue;
    }
    if (servers_.size() == kServersMax) servers_.pop_front();
    servers_.push_back({std::move(address)});
  }
}

absl::StatusOr<GoalReward::Outcome> RemoteGoalReward::Compute(const at::Tensor& achieved,
                                                              const at::Tensor& desired,
                                                              const at::Tensor& extra) {
  TakeNewServers();
  if (servers_.empty()) {
    return absl::UnavailableError(
        "hindsight waits for an actor to name an env server that computes rewards");
  }
  const v1::ComputeRewardRequest request = MakeRequest(achieved, desired, extra);
  for (size_t i = 0; i < servers_.size(); ++i) {
    Server& server = servers_.front();
    if (SteadyTime() >= server.next_attempt) {
      const absl::StatusOr<v1::ComputeRewardResponse> response = Ask(&server, request);
      if (response.ok()) {
        const absl::Span<const float> reward = TensorValues<float>(response->reward());
        const absl::Span<const uint8_t> terminated = TensorValues<uint8_t>(response->terminated());
        const int64_t count = static_cast<int64_t>(reward.size());
        Outcome outcome{at::empty({count}), at::empty({count})};
        std::copy(reward.begin(), reward.end(), outcome.reward.mutable_data_ptr<float>());
        std::copy(terminated.begin(), terminated.end(),
                  outcome.terminated.mutable_data_ptr<float>());
        return outcome;
      }
      if (absl::IsCancelled(response.status())) return response.status();
      last_failure_ =
          absl::StrCat("env server ", server.address, ": ", response.status().message());
      if (absl::IsFailedPrecondition(response.status())) {
        return absl::FailedPreconditionError(absl::StrCat(
            "replay.hindsight.enabled=true, but rewards of other goals cannot be had: ",
            last_failure_));
      }
      server.next_attempt = SteadyTime() + kRetryPause;
      servers_.push_back(std::move(server));
      servers_.pop_front();
      if (absl::IsDeadlineExceeded(response.status())) break;
    } else {
      servers_.push_back(std::move(server));
      servers_.pop_front();
    }
  }
  return absl::UnavailableError(
      absl::StrCat("hindsight waits for an env server to compute rewards: ", last_failure_));
}

v1::ComputeRewardRequest RemoteGoalReward::MakeRequest(const at::Tensor& achieved,
                                                       const at::Tensor& desired,
                                                       const at::Tensor& extra) const {
  v1::ComputeRewardRequest request;
  request.set_env_id(env_id_);
  request.mutable_env_config()->insert(options_.env_config.begin(), options_.env_config.end());
  SetRows(achieved, goal_shape_, request.mutable_achieved_goal());
  SetRows(desired, goal_shape_, request.mutable_desired_goal());
  int64_t column = 0;
  for (const FieldSpec& field : extra_) {
    SetRows(extra.narrow(1, column, field.size()), field.shape, request.add_extra());
    column += field.size();
  }
  return request;
}

absl::StatusOr<v1::ComputeRewardResponse> RemoteGoalReward::Ask(
    Server* server, const v1::ComputeRewardRequest& request) {
  if (server->stub == nullptr) {
    const auto channel = MakeChannel(server->address, options_.transport);
    if (!channel.ok()) return channel.status();
    server->stub = v1::EnvService::NewStub(*channel);
  }
  const absl::Duration timeout = server->has_environment
                                     ? options_.timeout
                                     : std::max(options_.timeout, options_.first_timeout);
  absl::StatusOr<v1::ComputeRewardResponse> response = Call(server->stub.get(), request, timeout);
  if (response.ok()) server->has_environment = true;
  if (absl::IsUnavailable(response.status())) server->has_environment = false;  // A new process.
  if (!response.ok()) {
    return ExplainFailure(server->address, options_.transport, response.status());
  }
  const int64_t count = request.achieved_goal().shape(0);
  for (const absl::Status& status :
       {CheckTensor(response->reward(), v1::DTYPE_FLOAT32, {count}, "ComputeReward's reward"),
        CheckFlags(response->terminated(), {count}, "ComputeReward's terminated")}) {
    if (!status.ok()) return status;
  }
  return response;
}

absl::StatusOr<v1::ComputeRewardResponse> RemoteGoalReward::Call(
    v1::EnvService::Stub* stub, const v1::ComputeRewardRequest& request, absl::Duration timeout) {
  if (cancelled_) return absl::CancelledError("the learner stops");
  UnaryCall<v1::ComputeRewardRequest, v1::ComputeRewardResponse> call(
      stub, &v1::EnvService::Stub::async_interface::ComputeReward, request, timeout, &signal_);
  auto answer = call.Await([this] { return cancelled_.load(); });
  if (cancelled_ || !answer.has_value()) return absl::CancelledError("the learner stops");
  // A server's own word that it cancelled is a failure of it like any other.
  if (absl::IsCancelled(answer->status())) {
    return absl::UnavailableError(answer->status().message());
  }
  return *std::move(answer);
}

void RemoteGoalReward::Cancel() {
  cancelled_ = true;
  signal_.Notify();
}

}  // namespace armature
