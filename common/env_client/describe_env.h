// Asks an env server to describe one environment.
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

// Returns the spec in a DescribeResponse.
// Returns FailedPrecondition if the server speaks another protocol version, or its hash does not
// match its spec; InvalidArgument if the spec breaks proto/spec.proto's rules.
absl::StatusOr<EnvSpec> CheckDescribeResponse(const v1::DescribeResponse& response);

// Asks the server behind `channel` for the spec and waits for at most kEnvAnswerTimeout, since the
// server may have to create the environment first. Notifying `signal` makes the wait check
// `cancelled`.
// Returns the errors above; the server's error (NotFound if it does not host `env_id`, with a list
// of what it hosts; InvalidArgument for a bad key of `env_config`); Unavailable or DeadlineExceeded
// if it cannot be reached; Cancelled. The message names the server.
absl::StatusOr<EnvSpec> DescribeEnv(const std::shared_ptr<grpc::Channel>& channel,
                                    const std::string& address, const std::string& env_id,
                                    const std::map<std::string, std::string>& env_config,
                                    const std::function<bool()>& cancelled, WakeSignal* signal,
                                    const TransportOptions& transport = {});

}  // namespace armature

#endif  // ARMATURE_COMMON_ENV_CLIENT_DESCRIBE_ENV_H_
