// What an env server says of one environment.
//
// Thread safety: free functions.
#ifndef ARMATURE_ACTOR_DESCRIBE_ENV_H_
#define ARMATURE_ACTOR_DESCRIBE_ENV_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/transport_options.h"
#include "common/spec/env_spec.h"
#include "grpcpp/channel.h"
#include "proto/env_service.pb.h"

namespace armature {

// The spec in an answer to Describe.
// OK; FailedPrecondition: the server speaks another protocol, or its hash is not
// that of its spec; InvalidArgument: the spec breaks proto/spec.proto's rules.
absl::StatusOr<EnvSpec> CheckDescribeResponse(const v1::DescribeResponse& response);

// Asks the server behind `channel`, and waits for the answer.
// As above; what the server answers (NotFound: it does not host `env_id`, and says
// what it hosts; InvalidArgument: a key of `env_config`); Unavailable or
// DeadlineExceeded: it cannot be reached. The message names the server.
absl::StatusOr<EnvSpec> DescribeEnv(const std::shared_ptr<grpc::Channel>& channel,
                                    const std::string& address, const std::string& env_id,
                                    const std::map<std::string, std::string>& env_config,
                                    absl::Duration timeout, const TransportOptions& transport = {});

}  // namespace armature

#endif  // ARMATURE_ACTOR_DESCRIBE_ENV_H_
