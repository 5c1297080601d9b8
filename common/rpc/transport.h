// How processes talk: one place for credentials, keepalive and caps of every
// gRPC server and channel.
//
// Loopback needs nothing. A server that listens elsewhere refuses to start
// unless it has TLS and a token, or mutual TLS.
// Thread safety: free functions.
#ifndef ARMATURE_COMMON_RPC_TRANSPORT_H_
#define ARMATURE_COMMON_RPC_TRANSPORT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/rpc/address.h"  // IWYU pragma: export
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/support/status.h"

namespace armature {

// Paths of PEM files and of a token file (its first line); empty: not used.
struct TransportOptions {
  std::string tls_certificate;  // Own certificate chain (servers; clients: mutual TLS).
  std::string tls_key;          // Own private key.
  std::string tls_authority;    // CA that signs the peer. On a server: demands client certificates.
  std::string token_file;       // Shared secret, sent as "authorization: Bearer <token>".
};

// Largest message either side accepts.
inline constexpr int kMessageBytesMax = 64 << 20;

// Adds the listening port, credentials, keepalive (15 s, 10 s), message and
// stream caps and the gRPC health service; reflection on loopback only.
// `*bound_port` is set by builder->BuildAndStart(), 0 when it could not bind.
// OK; FailedPrecondition: not loopback and not secured (the message gives the
// remedies); NotFound/InvalidArgument: a file is missing, unreadable or empty.
absl::Status ConfigureServer(const std::string& listen_address, const TransportOptions& options,
                             grpc::ServerBuilder* builder, int* bound_port);

// A channel with keepalive, caps and reconnect back-off from 0.1 s to 5 s. Not
// connected yet. Plaintext on loopback with no options; otherwise TLS. Errors as
// ConfigureServer. A token is sent over TLS only.
absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const std::string& address,
                                                           const TransportOptions& options);

absl::Status FromGrpc(const grpc::Status& status);
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_TRANSPORT_H_
