// How processes reach each other: one place for credentials, keepalive and caps of every
// gRPC channel; common/rpc/rpc_server.h is the other end.
//
// Loopback and unix sockets need nothing. A server that listens elsewhere refuses to start
// unless it has TLS and a token, or mutual TLS.
// Thread safety: free functions.
#ifndef ARMATURE_COMMON_RPC_TRANSPORT_H_
#define ARMATURE_COMMON_RPC_TRANSPORT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/rpc/address.h"            // IWYU pragma: export
#include "common/rpc/transport_options.h"  // IWYU pragma: export
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/channel_arguments.h"
#include "grpcpp/support/status.h"

namespace armature {

// Largest message either side accepts.
inline constexpr int kMessageBytesMax = 64 << 20;
// Of the headers of one call.
inline constexpr int kMetadataBytesMax = 16 << 10;
// A peer that does not answer a ping of kKeepaliveInterval within the timeout is gone.
inline constexpr int kKeepaliveIntervalMs = 15000;
inline constexpr int kKeepaliveTimeoutMs = 10000;

// A channel with keepalive, caps and reconnect back-off from 0.1 s to 5 s. Not connected yet.
// Plaintext to a unix socket, and to loopback without options; otherwise TLS. What is on this
// machine is reached directly, whatever HTTP proxy the environment names. A token is sent over
// TLS only.
// OK; InvalidArgument: `address` is none; others: as ReadSecrets.
absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const std::string& address,
                                                           const TransportOptions& options);

absl::Status FromGrpc(const grpc::Status& status);
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_TRANSPORT_H_
