#include "common/rpc/rpc_server.h"

#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/rpc/callback_threads.h"
#include "common/rpc/grpc_log.h"
#include "common/rpc/secrets.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/impl/server_builder_option.h"
#include "grpcpp/impl/server_builder_plugin.h"
#include "grpcpp/security/auth_metadata_processor.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/support/channel_arguments.h"

namespace armature {
namespace {

using Builder = grpc::ServerBuilder::experimental_type;
using Connections = grpc::experimental::ExternalConnectionAcceptor;

constexpr int kStreamsPerConnectionMax = 256;
// Time limit for TLS and the first frames of HTTP/2.
constexpr int kHandshakeTimeoutMs = 10000;
// An idle connection is closed; a client that needs it again opens a new one.
constexpr int kIdleTimeoutMs = 300000;

// Compares in constant time, so that timing reveals nothing about the token.
bool SameSecret(absl::string_view a, absl::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

// Admits calls with the token, and health checks.
class TokenProcessor : public grpc::AuthMetadataProcessor {
 public:
  explicit TokenProcessor(absl::string_view token) : expected_(absl::StrCat("Bearer ", token)) {}

  bool IsBlocking() const override { return false; }

  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext*, OutputMetadata* consumed,
                       OutputMetadata*) override {
    const auto method = metadata.find(":path");
    if (method != metadata.end() && method->second == RpcServer::kHealthCheck) {
      return grpc::Status::OK;
    }
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

// Linking the reflection library adds it to every server; this removes it.
class NoReflection : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    for (auto plugin = plugins->begin(); plugin != plugins->end();) {
      plugin = (*plugin)->name() == "proto_server_reflection" ? plugins->erase(plugin) : plugin + 1;
    }
  }
};

bool DemandsCertificates(const TransportOptions& options) {
  return !options.tls_authority.empty() && !options.token_suffices;
}

std::shared_ptr<grpc::ServerCredentials> Credentials(const TransportOptions& options,
                                                     const Secrets& secrets) {
  grpc::SslServerCredentialsOptions tls(
      DemandsCertificates(options) ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                   : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  tls.pem_root_certs = secrets.authority;
  tls.pem_key_cert_pairs.push_back({secrets.key, secrets.certificate});
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::SslServerCredentials(tls);
  if (!secrets.token.empty()) {
    credentials->SetAuthMetadataProcessor(std::make_shared<TokenProcessor>(secrets.token));
  }
  return credentials;
}

absl::Status CheckSecured(const Address& address, const TransportOptions& options) {
  const bool tls = !options.tls_certificate.empty();
  if (!tls && !options.empty() && !address.is_unix()) {
    return absl::FailedPreconditionError(
        "a token or a TLS authority protects nothing without a TLS certificate and key; give"
        " --tls_certificate and --tls_key too, or --tls_folder");
  }
  if (address.is_loopback() ||
      (tls && (!options.token_file.empty() || DemandsCertificates(options)))) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "refuses to listen on ", address.ToString(),
      ": other machines could reach it unprotected; listen on 127.0.0.1, or give --tls_folder"
      " (bazel run //deploy:certificates makes one for each host), or --tls_certificate and"
      " --tls_key with --tls_authority or --token_file"));
}

void SetArguments(grpc::ServerBuilder* builder) {
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
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleTimeoutMs);
  // gRPC 1.51 has known bugs in zero-copy transmit.
  builder->AddChannelArgument(GRPC_ARG_TCP_TX_ZEROCOPY_ENABLED, 0);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(
    const std::vector<std::string>& addresses, const TransportOptions& options,
    const std::vector<grpc::Service*>& services) {
  auto server = absl::WrapUnique(new RpcServer);
  if (absl::Status status = server->Listen(addresses, options, services); !status.ok()) {
    return status;
  }
  return server;
}

absl::Status RpcServer::Listen(const std::vector<std::string>& addresses,
                               const TransportOptions& options,
                               const std::vector<grpc::Service*>& services) {
  TakeGrpcLog();
  KeepCallbackThreads();
  const absl::StatusOr<Secrets> secrets = ReadSecrets(options);
  if (!secrets.ok()) return secrets.status();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  bool is_private = true;
  for (const std::string& text : addresses) {
    const absl::StatusOr<Address> address = ParseListenAddress(text);
    if (!address.ok()) return address.status();
    if (absl::Status status = CheckSecured(*address, options); !status.ok()) return status;
    is_private &= address->is_loopback();
    const bool plain = address->is_unix() || options.empty();
    std::shared_ptr<Connections> connections = builder.experimental().AddExternalConnectionAcceptor(
        Builder::ExternalConnectionType::FROM_FD,
        plain ? grpc::InsecureServerCredentials() : Credentials(options, *secrets));
    const absl::StatusOr<Address> bound = acceptor_.Listen(*address, [connections](int fd) {
      Connections::NewConnectionParameters connection;
      connection.fd = fd;
      connections->HandleNewConnection(&connection);
    });
    if (!bound.ok()) return bound.status();
    if (address_.empty()) address_ = bound->ToString();
  }
  if (!is_private) builder.SetOption(std::make_unique<NoReflection>());
  SetArguments(&builder);
  builder.RegisterCallbackGenericService(&unknown_methods_);
  for (grpc::Service* service : services) builder.RegisterService(service);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) return absl::InternalError("gRPC cannot start a server");
  acceptor_.Start();
  return absl::OkStatus();
}

RpcServer::~RpcServer() {
  if (server_ != nullptr) Shutdown(absl::Now());
}

void RpcServer::Drain() { server_->GetHealthCheckService()->SetServingStatus(false); }

void RpcServer::Shutdown(absl::Time deadline) {
  acceptor_.Stop();
  server_->Shutdown(absl::ToChronoTime(deadline));
}

}  // namespace armature
