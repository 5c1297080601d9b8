#include "common/env_client/describe_env.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/rpc/env_limits.h"
#include "common/rpc/peer_probe.h"
#include "common/rpc/protocol.h"
#include "common/rpc_client/unary_call.h"
#include "proto/env_service.grpc.pb.h"

namespace armature {

absl::StatusOr<EnvSpec> CheckDescribeResponse(const v1::DescribeResponse& response) {
  absl::Status status = CheckProtocolVersion(response.protocol_version(), "protocol_version");
  if (!status.ok()) return status;
  absl::StatusOr<EnvSpec> spec = EnvSpec::FromProto(response.spec());
  if (spec.ok() && SpecHash(*spec) != response.spec_hash()) {
    return absl::FailedPreconditionError(
        absl::StrCat("spec_hash: expected ", SpecHash(*spec), ", got ", response.spec_hash()));
  }
  return spec;
}

absl::StatusOr<EnvSpec> DescribeEnv(const std::shared_ptr<grpc::Channel>& channel,
                                    const std::string& address, const std::string& env_id,
                                    const std::map<std::string, std::string>& env_config,
                                    const std::function<bool()>& cancelled, WakeSignal* signal,
                                    const TransportOptions& transport) {
  v1::DescribeRequest request;
  request.set_env_id(env_id);
  request.mutable_env_config()->insert(env_config.begin(), env_config.end());
  const auto stub = v1::EnvService::NewStub(channel);
  UnaryCall<v1::DescribeRequest, v1::DescribeResponse> call(
      stub.get(), &v1::EnvService::Stub::async_interface::Describe, request, kEnvAnswerTimeout,
      signal);
  const auto answer = call.Await(cancelled);
  if (!answer.has_value()) return absl::CancelledError();
  const absl::Status answered = ExplainFailure(address, transport, answer->status());
  absl::StatusOr<EnvSpec> spec =
      answered.ok() ? CheckDescribeResponse(**answer) : absl::StatusOr<EnvSpec>(answered);
  // If the server answers, its message already has its name.
  if (spec.ok() || absl::StartsWith(spec.status().message(), "env server ")) return spec;
  return absl::Status(spec.status().code(),
                      absl::StrCat("env server ", address, ": ", spec.status().message()));
}

}  // namespace armature
