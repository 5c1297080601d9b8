// What an env server says of one environment.
//
// Thread safety: free functions.
#ifndef ARMATURE_COMMON_ENV_CLIENT_DESCRIBE_ENV_H_
#define ARMATURE_COMMON_ENV_CLIENT_DESCRIBE_ENV_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/rpc/transport_options.h"
#include "common/spec/env_spec.h"
#include "common/sync/wake_signal.h"
#include "grpcpp/channel.h"
#include "proto/env_service.pb.h"

namespace armature {

// The spec in an answer to Describe.
// OK; FailedPrecondition: the server speaks another protocol, or its hash is not
// that of its spec; InvalidArgument: the spec breaks proto/spec.proto's rules.
absl::StatusOr<EnvSpec> CheckDescribeResponse(const v1::DescribeResponse& response);

// Asks the server behind `channel`, and waits for the answer, kEnvAnswerTimeout at most:
// it may have to make the environment first. `signal` wakes the wait to ask `cancelled`.
// As above; what the server answers (NotFound: it does not host `env_id`, and says
// what it hosts; InvalidArgument: a key of `env_config`); Unavailable or
// DeadlineExceeded: it cannot be reached; Cancelled. The message names the server.
absl::StatusOr<EnvSpec> DescribeEnv(const std::shared_ptr<grpc::Channel>& channel,
                                    const std::string& address, const std::string& env_id,
                                    const std::map<std::string, std::string>& env_config,
                                    const std::function<bool()>& cancelled, WakeSignal* signal,
                                    const TransportOptions& transport = {});

}  // namespace armature

#endif  // ARMATURE_COMMON_ENV_CLIENT_DESCRIBE_ENV_H_
