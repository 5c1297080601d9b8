#include "envserver/service/env_service.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/rpc/protocol.h"
#include "common/rpc/transport.h"
#include "common/tensor/packed.h"
#include "envserver/service/rollout_reactor.h"
#include "envserver/service/watch_reactor.h"
#include "envserver/slots/pool_call.h"

namespace armature {

namespace {

EnvConfig ConfigFrom(const google::protobuf::Map<std::string, std::string>& map) {
  return EnvConfig(map.begin(), map.end());
}

// Checks `goal`, [n, goal shape...].
absl::Status CheckGoal(const v1::Tensor& goal, const FieldSpec& field, int64_t n,
                       absl::string_view name) {
  std::vector<int64_t> shape = {n};
  shape.insert(shape.end(), field.shape.begin(), field.shape.end());
  return CheckTensor(goal, v1::DTYPE_FLOAT32, shape, name);
}

const FieldSpec& FieldNamed(const EnvSpec& spec, const std::string& name) {
  for (const FieldSpec& field : spec.observation) {
    if (field.name == name) return field;
  }
  return spec.observation.front();  // Unreachable: Validate has checked the goal's fields.
}

// Checks the goal's extra fields of n pairs; joins them to [n, E], row by row, in `joined`.
absl::Status ReadExtra(const google::protobuf::RepeatedPtrField<v1::Tensor>& extra,
                       const GoalSpec& goal, int64_t n, std::vector<float>* joined) {
  if (extra.size() != static_cast<int>(goal.extra.size())) {
    return absl::InvalidArgumentError(
        absl::StrCat("extra has ", extra.size(), " fields, expected ", goal.extra.size()));
  }
  const int64_t row_size = goal.extra_size();
  joined->resize(n * row_size);
  int64_t column = 0;
  for (int i = 0; i < extra.size(); ++i) {
    const FieldSpec& field = goal.extra[i];
    absl::Status status = CheckGoal(extra[i], field, n, absl::StrCat("extra '", field.name, "'"));
    if (!status.ok()) return status;
    const float* from = TensorValues<float>(extra[i]).data();
    for (int64_t row = 0; row < n; ++row) {
      std::copy_n(from + row * field.size(), field.size(),
                  joined->begin() + row * row_size + column);
    }
    column += field.size();
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::ComputeRewardResponse> ComputeRewards(const Env& env,
                                                         const v1::ComputeRewardRequest& request) {
  if (!env.spec().goal.has_value()) {
    return absl::FailedPreconditionError("the environment has no goal");
  }
  const v1::Tensor& achieved = request.achieved_goal();
  const v1::Tensor& desired = request.desired_goal();
  const FieldSpec& field = FieldNamed(env.spec(), env.spec().goal->achieved_field);
  absl::Status status = CheckGoal(achieved, field, -1, "achieved_goal");
  if (!status.ok()) return status;
  const int64_t n = achieved.shape(0);
  status = CheckGoal(desired, field, n, "desired_goal");
  if (!status.ok()) return status;
  std::vector<float> extra;
  status = ReadExtra(request.extra(), *env.spec().goal, n, &extra);
  if (!status.ok()) return status;
  v1::ComputeRewardResponse response;
  float* reward = ResizeTensor<float>({n}, response.mutable_reward());
  uint8_t* terminated = ResizeTensor<uint8_t>({n}, response.mutable_terminated());
  status = env.ComputeReward({TensorValues<float>(achieved), TensorValues<float>(desired), extra},
                             absl::MakeSpan(reward, n), absl::MakeSpan(terminated, n));
  if (!status.ok()) return status;
  const int64_t bad = FindNonFinite(absl::MakeConstSpan(reward, n));
  if (bad >= 0) {
    return absl::InternalError(absl::StrCat("reward[", bad, "] is ", reward[bad]));
  }
  return response;
}

}  // namespace

EnvService::EnvService(const EnvServiceOptions& options, const EnvRegistry* registry,
                       StepPool* pool, DeadlineTimer* timer, MetricsRegistry* metrics_registry)
    : metrics_(registry->env_ids(), metrics_registry),
      table_(options.slots_total, &metrics_),
      context_{registry,         pool,          timer,
               &table_,          &metrics_,     options.server_name,
               NewIncarnation(), options.lease, options.abandoned_max,
               kMessageBytesMax},
      reward_envs_(std::make_shared<RewardEnvs>(registry)) {}

EnvService::~EnvService() = default;

void EnvService::EndSessions() {
  table_.EndAll(absl::UnavailableError(
      absl::StrCat("env server ", context_.server_name, " is shutting down")));
}

absl::Status EnvService::Refusal(const std::string& env_id, const absl::Status& status) {
  metrics_.CountRefusal(status);
  return absl::Status(status.code(), absl::StrCat("env server ", context_.server_name, ", env ",
                                                  env_id, ": ", status.message()));
}

template <typename Response>
grpc::ServerUnaryReactor* EnvService::Call(grpc::CallbackServerContext* call,
                                           const std::string& env_id,
                                           std::function<absl::StatusOr<Response>()> compute,
                                           Response* response) {
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  if (calls_.fetch_add(1) >= kCallsMax) {
    calls_.fetch_sub(1);
    reactor->Finish(ToGrpc(Refusal(
        env_id, absl::ResourceExhaustedError(absl::StrCat(kCallsMax, " calls are running")))));
    return reactor;
  }
  CallOnPool<Response>(
      context_.pool, "the environment", std::move(compute),
      [this, env_id, reactor, response](absl::StatusOr<Response> result) {
        if (result.ok()) response->Swap(&*result);
        calls_.fetch_sub(1);
        reactor->Finish(result.ok() ? grpc::Status::OK : ToGrpc(Refusal(env_id, result.status())));
      });
  return reactor;
}

grpc::ServerUnaryReactor* EnvService::Describe(grpc::CallbackServerContext* call,
                                               const v1::DescribeRequest* request,
                                               v1::DescribeResponse* response) {
  v1::DescribeResponse description;
  description.set_protocol_version(kProtocolVersion);
  description.set_server_incarnation(context_.incarnation);
  for (const std::string& id : context_.registry->env_ids()) description.add_env_ids(id);
  description.set_slots_total(static_cast<uint32_t>(table_.slots_total()));
  description.set_slots_free(static_cast<uint32_t>(table_.slots_free()));
  if (request->env_id().empty()) {
    response->Swap(&description);
    grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  return Call<v1::DescribeResponse>(
      call, request->env_id(),
      [registry = context_.registry, id = request->env_id(),
       config = ConfigFrom(request->env_config()),
       description]() mutable -> absl::StatusOr<v1::DescribeResponse> {
        const absl::StatusOr<std::unique_ptr<Env>> env = registry->Make(id, config);
        if (!env.ok()) return env.status();
        *description.mutable_spec() = (*env)->spec().ToProto();
        description.set_spec_hash(SpecHash((*env)->spec()));
        return description;
      },
      response);
}

grpc::ServerBidiReactor<v1::RolloutRequest, v1::RolloutResponse>* EnvService::Rollout(
    grpc::CallbackServerContext* call) {
  return new RolloutReactor(&context_, call);
}

grpc::ServerWriteReactor<v1::WatchResponse>* EnvService::Watch(grpc::CallbackServerContext* call,
                                                               const v1::WatchRequest* request) {
  return new WatchReactor(&context_, &viewers_, call, *request);
}

grpc::ServerUnaryReactor* EnvService::ComputeReward(grpc::CallbackServerContext* call,
                                                    const v1::ComputeRewardRequest* request,
                                                    v1::ComputeRewardResponse* response) {
  // Copied, since a hung call outlives the request.
  return Call<v1::ComputeRewardResponse>(
      call, request->env_id(),
      [envs = reward_envs_, request = *request]() -> absl::StatusOr<v1::ComputeRewardResponse> {
        const EnvConfig config = ConfigFrom(request.env_config());
        absl::StatusOr<std::unique_ptr<Env>> env = envs->Take(request.env_id(), config);
        if (!env.ok()) return env.status();
        absl::StatusOr<v1::ComputeRewardResponse> rewards = ComputeRewards(**env, request);
        if (rewards.ok()) envs->Keep(request.env_id(), config, *std::move(env));
        return rewards;
      },
      response);
}

}  // namespace armature
