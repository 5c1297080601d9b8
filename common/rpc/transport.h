// How processes reach each other: credentials, keepalive and size limits of every gRPC channel. The
// server side is common/rpc/rpc_server.h.
//
// Loopback and unix sockets need no credentials. A server on any other address refuses to start
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

// Largest message that either side accepts, in bytes.
inline constexpr int kMessageBytesMax = 64 << 20;
// Maximum size of one call's metadata (headers), in bytes.
inline constexpr int kMetadataBytesMax = 16 << 10;
// A ping is sent at this interval; a peer that does not answer within the timeout is gone.
inline constexpr int kKeepaliveIntervalMs = 15000;
inline constexpr int kKeepaliveTimeoutMs = 10000;

// Creates a channel with keepalive, size limits and reconnect back-off from 0.1 s to 5 s; it
// connects later. Uses plaintext for unix sockets and, without options, for loopback; otherwise
// TLS. Never uses an HTTP proxy for addresses on this machine. Sends a token only over TLS.
// Returns InvalidArgument if `address` cannot be parsed; ReadSecrets' errors.
absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const std::string& address,
                                                           const TransportOptions& options);

absl::Status FromGrpc(const grpc::Status& status);
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_TRANSPORT_H_
