#include "common/rpc/transport.h"

#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/impl/server_builder_option.h"
#include "grpcpp/impl/server_builder_plugin.h"
#include "grpcpp/security/auth_metadata_processor.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace armature {
namespace {

constexpr int kKeepaliveIntervalMs = 15000;
constexpr int kKeepaliveTimeoutMs = 10000;
constexpr int kStreamsPerConnectionMax = 256;
constexpr int kMetadataBytesMax = 16 << 10;
constexpr int kReconnectBackoffMinMs = 100;
constexpr int kReconnectBackoffMaxMs = 5000;
constexpr int kConnectTimeoutMinMs = 2000;

absl::StatusOr<std::string> ReadSecret(const std::string& path, absl::string_view what) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat(what, " ", path, ": cannot be read"));
  std::ostringstream text;
  text << file.rdbuf();
  if (text.str().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(what, " ", path, ": is empty"));
  }
  return text.str();
}

// What TransportOptions' files hold; empty where a path was.
struct Secrets {
  std::string certificate;
  std::string key;
  std::string authority;
  std::string token;
};

absl::StatusOr<Secrets> ReadSecrets(const TransportOptions& options) {
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    return absl::InvalidArgumentError("TLS certificate and key: give both or neither");
  }
  Secrets secrets;
  const std::pair<const std::string*, std::string*> files[] = {
      {&options.tls_certificate, &secrets.certificate},
      {&options.tls_key, &secrets.key},
      {&options.tls_authority, &secrets.authority}};
  for (const auto& [path, text] : files) {
    if (path->empty()) continue;
    absl::StatusOr<std::string> read = ReadSecret(*path, "TLS file");
    if (!read.ok()) return read.status();
    *text = *std::move(read);
  }
  if (!options.token_file.empty()) {
    const absl::StatusOr<std::string> read = ReadSecret(options.token_file, "token file");
    if (!read.ok()) return read.status();
    const std::vector<std::string> lines = absl::StrSplit(*read, absl::ByAnyChar("\r\n"));
    secrets.token = lines[0];
    if (secrets.token.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("token file ", options.token_file, ": its first line is empty"));
    }
  }
  return secrets;
}

// Takes as long for a wrong token as for a right one.
bool SameSecret(absl::string_view a, absl::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

// Lets in those that bear the token.
class TokenProcessor : public grpc::AuthMetadataProcessor {
 public:
  explicit TokenProcessor(absl::string_view token) : expected_(absl::StrCat("Bearer ", token)) {}

  bool IsBlocking() const override { return false; }

  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext*, OutputMetadata* consumed,
                       OutputMetadata*) override {
    const auto range = metadata.equal_range("authorization");
    for (auto entry = range.first; entry != range.second; ++entry) {
      const absl::string_view value(entry->second.data(), entry->second.size());
      if (!SameSecret(value, expected_)) continue;
      consumed->emplace("authorization", std::string(value));
      return grpc::Status::OK;
    }
    return grpc::Status(grpc::StatusCode::UNAUTHENTICATED,
                        "the token is missing or wrong; give both sides the same token file");
  }

 private:
  const std::string expected_;
};

// Linking the reflection library adds it to every server; this takes it out.
class NoReflection : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    for (auto plugin = plugins->begin(); plugin != plugins->end();) {
      plugin = (*plugin)->name() == "proto_server_reflection" ? plugins->erase(plugin) : plugin + 1;
    }
  }
};

std::shared_ptr<grpc::ServerCredentials> TlsServerCredentials(const Secrets& secrets) {
  grpc::SslServerCredentialsOptions tls(
      secrets.authority.empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  tls.pem_root_certs = secrets.authority;
  tls.pem_key_cert_pairs.push_back({secrets.key, secrets.certificate});
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::SslServerCredentials(tls);
  if (!secrets.token.empty()) {
    credentials->SetAuthMetadataProcessor(std::make_shared<TokenProcessor>(secrets.token));
  }
  return credentials;
}

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

bool IsEmpty(const TransportOptions& options) {
  return options.tls_certificate.empty() && options.tls_key.empty() &&
         options.tls_authority.empty() && options.token_file.empty();
}

}  // namespace

absl::Status ConfigureServer(const std::string& listen_address, const TransportOptions& options,
                             grpc::ServerBuilder* builder, int* bound_port) {
  const absl::StatusOr<Secrets> secrets = ReadSecrets(options);
  if (!secrets.ok()) return secrets.status();
  const bool tls = !secrets->certificate.empty();
  if (!tls && !IsEmpty(options)) {
    return absl::FailedPreconditionError(
        "a token or a TLS authority protects nothing without a TLS certificate and key; give"
        " those too");
  }
  const bool loopback = IsLoopback(listen_address);
  if (!loopback && !(tls && (!secrets->token.empty() || !secrets->authority.empty()))) {
    return absl::FailedPreconditionError(absl::StrCat(
        "refuses to listen on ", listen_address,
        ": other machines could reach it unprotected; listen on 127.0.0.1, or give a TLS"
        " certificate and key with a token file, or with the authority of client certificates"));
  }
  *bound_port = 0;  // gRPC leaves it alone where it cannot bind.
  grpc::EnableDefaultHealthCheckService(true);
  if (!loopback) builder->SetOption(std::make_unique<NoReflection>());
  builder->AddListeningPort(
      listen_address, tls ? TlsServerCredentials(*secrets) : grpc::InsecureServerCredentials(),
      bound_port);
  builder->SetMaxReceiveMessageSize(kMessageBytesMax);
  builder->SetMaxSendMessageSize(kMessageBytesMax);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsPerConnectionMax);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytesMax);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveIntervalMs);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                              kKeepaliveTimeoutMs);
  // A second server on the same port must fail, not share it.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Transmit zero-copy has known defects in gRPC 1.51.
  builder->AddChannelArgument(GRPC_ARG_TCP_TX_ZEROCOPY_ENABLED, 0);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const std::string& address,
                                                           const TransportOptions& options) {
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
  // Misnamed: the least time that an attempt to connect is given.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMinMs);
  arguments.SetInt(GRPC_ARG_TCP_TX_ZEROCOPY_ENABLED, 0);
  const bool plain = IsLoopback(address) && IsEmpty(options);
  return grpc::CreateCustomChannel(
      address, plain ? grpc::InsecureChannelCredentials() : TlsChannelCredentials(*secrets),
      arguments);
}

absl::Status FromGrpc(const grpc::Status& status) {
  // The codes of the two are the same numbers by definition.
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

}  // namespace armature
