#include "common/rpc/transport.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/rpc/callback_threads.h"
#include "common/rpc/grpc_log.h"
#include "common/rpc/secrets.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace armature {
namespace {

constexpr int kReconnectBackoffMinMs = 100;
constexpr int kReconnectBackoffMaxMs = 5000;
constexpr int kConnectTimeoutMinMs = 2000;

std::shared_ptr<grpc::ChannelCredentials> TlsChannelCredentials(const Secrets& secrets) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = secrets.authority;
  tls.pem_cert_chain = secrets.certificate;
  tls.pem_private_key = secrets.key;
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::SslCredentials(tls);
  if (secrets.token.empty()) return credentials;
  return grpc::CompositeChannelCredentials(credentials,
                                           grpc::AccessTokenCredentials(secrets.token));
}

// Returns the address as a URI for gRPC, so that a path may contain any character.
std::string Target(const Address& address) {
  if (!address.is_unix()) return address.ToString();
  std::string target = "unix:";
  for (const char c : address.socket_path) {
    const bool plain = absl::ascii_isalnum(c) || c == '/' || c == '.' || c == '-' || c == '_';
    if (plain) {
      target.push_back(c);
    } else {
      absl::StrAppendFormat(&target, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return target;
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const std::string& address,
                                                           const TransportOptions& options) {
  TakeGrpcLog();
  KeepCallbackThreads();
  const absl::StatusOr<Address> parsed = ParseAddress(address);
  if (!parsed.ok()) return parsed.status();
  const absl::StatusOr<Secrets> secrets = ReadSecrets(options);
  if (!secrets.ok()) return secrets.status();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetMaxSendMessageSize(kMessageBytesMax);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytesMax);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveIntervalMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectBackoffMinMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectBackoffMaxMs);
  // Despite its name, this is the minimum time for a connection attempt.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMinMs);
  arguments.SetInt(GRPC_ARG_TCP_TX_ZEROCOPY_ENABLED, 0);
  if (parsed->is_loopback()) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!options.tls_server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls_server_name);
  }
  const bool plain = parsed->is_unix() || (parsed->is_loopback() && options.empty());
  return grpc::CreateCustomChannel(
      Target(*parsed), plain ? grpc::InsecureChannelCredentials() : TlsChannelCredentials(*secrets),
      arguments);
}

absl::Status FromGrpc(const grpc::Status& status) {
  // gRPC gives no more detail about a missing service.
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED && status.error_message().empty()) {
    return absl::UnimplementedError(
        "what answers there is another program (is a learner's address given for an env server's, "
        "or the other way round?)");
  }
  // Both enums define the same numbers.
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

}  // namespace armature
