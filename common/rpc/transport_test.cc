#include "common/rpc/transport.h"

#include <cstdlib>
#include <fstream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/rpc/peer_probe.h"
#include "common/rpc/private_folder.h"
#include "common/rpc/rpc_server.h"
#include "gmock/gmock.h"
#include "grpc/support/log.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/byte_buffer.h"
#include "gtest/gtest.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

std::string Path(const std::string& name) { return testing::TempDir() + "/" + name; }

void Run(const std::string& command) {
  ASSERT_EQ(std::system(("cd " + testing::TempDir() + " && " + command + " 2>/dev/null").c_str()),
            0)
      << command;
}

// Makes `name`.pem and `name`.key, signed by `authority`.pem, valid for `subject`.
void MakeCertificate(const std::string& name, const std::string& authority,
                     const std::string& subject = "IP:127.0.0.1", const std::string& days = "2") {
  std::ofstream(Path(name + ".ext")) << "subjectAltName=" << subject << "\n";
  Run("openssl req -newkey rsa:2048 -nodes -subj /CN=" + name + " -keyout " + name + ".key -out " +
      name + ".csr");
  Run("openssl x509 -req -in " + name + ".csr -CA " + authority + ".pem -CAkey " + authority +
      ".key -CAcreateserial -days " + days + " -extfile " + name + ".ext -out " + name + ".pem");
}

void MakeAuthority(const std::string& name) {
  Run("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=" + name + " -keyout " + name +
      ".key -out " + name + ".pem");
}

class TransportTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    MakeAuthority("ca");
    MakeAuthority("stranger_ca");
    MakeCertificate("server", "ca");
    MakeCertificate("client", "ca");
    MakeCertificate("stranger", "stranger_ca");
    MakeCertificate("named", "ca", "DNS:learner.cluster");
    MakeCertificate("expired", "ca", "IP:127.0.0.1", "-1");
    std::ofstream(Path("token")) << "secret\nsecond line\n";
    std::ofstream(Path("other_token")) << "Secret\n";
    std::ofstream(Path("empty")) << "";
    std::ofstream(Path("blank")) << "\nsecret\n";
  }

  static TransportOptions Options(const std::string& identity, const std::string& authority,
                                  const std::string& token) {
    TransportOptions options;
    if (!identity.empty()) options.tls_certificate = Path(identity + ".pem");
    if (!identity.empty()) options.tls_key = Path(identity + ".key");
    if (!authority.empty()) options.tls_authority = Path(authority + ".pem");
    if (!token.empty()) options.token_file = Path(token);
    return options;
  }

  void Start(const TransportOptions& options, const std::string& listen = "127.0.0.1:0") {
    auto server = RpcServer::Start({listen}, options, {});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    address_ = server_->address();
    if (IsEverywhere(address_)) address_ = absl::StrCat("127.0.0.1", address_.substr(7));
  }

  // Sends an empty message to `method` of the server; returns the outcome and keeps the answer.
  absl::Status Call(const TransportOptions& options, const std::string& method) {
    const auto channel = MakeChannel(address_, options);
    if (!channel.ok()) return channel.status();
    grpc::GenericStub stub(*channel);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    grpc::CompletionQueue queue;
    const grpc::ByteBuffer request(nullptr, 0);
    grpc::ByteBuffer response;
    grpc::Status status;
    const auto rpc = stub.PrepareUnaryCall(&context, method, request, &queue);
    rpc->StartCall();
    rpc->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    grpc::Slice slice;
    if (status.ok() && response.DumpToSingleSlice(&slice).ok()) {
      answer_.assign(slice.begin(), slice.end());
    }
    return FromGrpc(status);
  }
  absl::Status CheckHealth(const TransportOptions& options) {
    return Call(options, RpcServer::kHealthCheck);
  }
  // Whether such a client is admitted, tested with a method that the server does not have.
  absl::Status Enter(const TransportOptions& options) {
    const absl::Status status = Call(options, "/armature.v1.Nothing/Call");
    return absl::IsUnimplemented(status) ? absl::OkStatus() : status;
  }
  bool HasReflection(const TransportOptions& options) {
    const absl::Status status =
        Call(options, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo");
    return status.code() != absl::StatusCode::kUnimplemented;
  }

  const std::unique_ptr<PrivateFolder> sockets_ = *PrivateFolder::Make();
  std::unique_ptr<RpcServer> server_;
  std::string address_;
  std::string answer_;
};

absl::Status Configure(const std::string& listen, const TransportOptions& options) {
  return RpcServer::Start({listen}, options, {}).status();
}

TEST_F(TransportTest, LoopbackNeedsNothingAndHasHealthAndReflection) {
  Start({});
  EXPECT_EQ(CheckHealth({}), absl::OkStatus());
  EXPECT_TRUE(HasReflection({}));
}

TEST_F(TransportTest, ListeningElsewhereNeedsTlsAndATokenOrMutualTls) {
  for (const TransportOptions& options : {Options("", "", ""), Options("server", "", ""),
                                          Options("", "", "token"), Options("", "ca", "token")}) {
    const absl::Status status = Configure("0.0.0.0:0", options);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  }
  EXPECT_THAT(std::string(Configure("0.0.0.0:0", {}).message()),
              testing::AllOf(HasSubstr("listen on 127.0.0.1"), HasSubstr("--tls_folder"),
                             HasSubstr("//deploy:certificates")));
  EXPECT_TRUE(Configure("0.0.0.0:0", Options("server", "", "token")).ok());
  EXPECT_TRUE(Configure("0.0.0.0:0", Options("server", "ca", "")).ok());
}

TEST_F(TransportTest, TokenOverTlsIsDemanded) {
  Start(Options("server", "", "token"), "0.0.0.0:0");
  EXPECT_EQ(Enter(Options("", "ca", "token")), absl::OkStatus());
  EXPECT_EQ(Enter(Options("", "ca", "")).code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Enter(Options("", "ca", "other_token")).code(), absl::StatusCode::kUnauthenticated);
}

TEST_F(TransportTest, HealthIsToldWithoutATokenAndTurnsFalseWhileDraining) {
  Start(Options("server", "", "token"), "0.0.0.0:0");
  EXPECT_EQ(CheckHealth(Options("", "ca", "")), absl::OkStatus());
  EXPECT_EQ(answer_, "\x08\x01");  // HealthCheckResponse: SERVING.
  server_->Drain();
  EXPECT_EQ(CheckHealth(Options("", "ca", "")), absl::OkStatus());
  EXPECT_EQ(answer_, "\x08\x02");  // NOT_SERVING.
  EXPECT_EQ(Enter(Options("", "ca", "token")), absl::OkStatus());
}

TEST_F(TransportTest, NoReflectionWhereOthersListen) {
  Start(Options("server", "", "token"), "0.0.0.0:0");
  EXPECT_FALSE(HasReflection(Options("", "ca", "token")));
}

TEST_F(TransportTest, PlaintextClientAndStrangersServerAreRefused) {
  Start(Options("server", "", "token"));
  EXPECT_EQ(CheckHealth({}).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(CheckHealth(Options("", "stranger_ca", "token")).code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(TransportTest, MutualTlsLetsInOnlyItsOwn) {
  Start(Options("server", "ca", ""), "0.0.0.0:0");
  EXPECT_EQ(CheckHealth(Options("client", "ca", "")), absl::OkStatus());
  EXPECT_EQ(CheckHealth(Options("", "ca", "")).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(CheckHealth(Options("stranger", "ca", "")).code(), absl::StatusCode::kUnavailable);
}

TEST_F(TransportTest, APrivateAuthorityDemandsNoCertificatesWhereTheTokenSuffices) {
  TransportOptions options = Options("server", "ca", "token");
  Start(options, "0.0.0.0:0");
  EXPECT_EQ(CheckHealth(Options("", "ca", "token")).code(), absl::StatusCode::kUnavailable);
  options.token_suffices = true;  // Clients may have it too; they ignore it.
  Start(options, "0.0.0.0:0");
  EXPECT_EQ(Enter(options), absl::OkStatus());
  EXPECT_EQ(Enter(Options("", "ca", "token")), absl::OkStatus());
  EXPECT_EQ(Enter(Options("", "ca", "")).code(), absl::StatusCode::kUnauthenticated);
  options.token_file.clear();
  EXPECT_THAT(std::string(Configure("0.0.0.0:0", options).message()),
              HasSubstr("--token_suffices: there is no token"));
}

TEST_F(TransportTest, ACertificateMayHaveAnotherNameThanTheAddress) {
  Start(Options("named", "", "token"), "0.0.0.0:0");
  TransportOptions options = Options("", "ca", "token");
  EXPECT_EQ(Enter(options).code(), absl::StatusCode::kUnavailable);
  options.tls_server_name = "learner.cluster";
  EXPECT_EQ(Enter(options), absl::OkStatus());
  options.tls_server_name = "other.cluster";
  EXPECT_EQ(Enter(options).code(), absl::StatusCode::kUnavailable);
}

TEST_F(TransportTest, CertificatesThatCannotWorkAreRefusedAtTheStart) {
  EXPECT_THAT(std::string(Configure("127.0.0.1:0", Options("expired", "", "token")).message()),
              HasSubstr("expired.pem: has expired on "));
  TransportOptions mixed = Options("server", "", "token");
  mixed.tls_key = Path("client.key");
  EXPECT_THAT(std::string(Configure("127.0.0.1:0", mixed).message()),
              AllOf(HasSubstr("client.key: is not the key of"), HasSubstr("server.pem")));
  EXPECT_THAT(std::string(MakeChannel("127.0.0.1:1", mixed).status().message()),
              HasSubstr("client.key: is not the key of"));
  mixed.tls_key = Path("token");
  EXPECT_THAT(std::string(Configure("127.0.0.1:0", mixed).message()),
              HasSubstr("token: holds no private key"));
  EXPECT_THAT(std::string(Configure("127.0.0.1:0", Options("server", "token", "")).message()),
              HasSubstr("cannot be read"));  // token.pem
  TransportOptions no_authority = Options("server", "", "");
  no_authority.tls_authority = Path("token");
  EXPECT_THAT(std::string(Configure("127.0.0.1:0", no_authority).message()),
              HasSubstr("token: holds no certificate"));
}

TEST_F(TransportTest, WhoOfTheTwoSpeaksTlsIsSaid) {
  const TransportOptions tls = Options("", "ca", "token");
  Start(Options("server", "", "token"));
  absl::Status failure = ExplainFailure(address_, {}, CheckHealth({}));
  EXPECT_EQ(failure.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(failure.message()), HasSubstr("it speaks TLS, and this side does not"));
  // All other faults are reported as by gRPC.
  const absl::Status other = absl::UnavailableError("no route");
  EXPECT_EQ(ExplainFailure(address_, tls, other), other);
  Start({});
  failure = ExplainFailure(address_, tls, CheckHealth(tls));
  EXPECT_EQ(failure.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(failure.message()), HasSubstr("it speaks without TLS"));
  EXPECT_EQ(ExplainFailure(address_, {}, other), other);
  server_.reset();
  EXPECT_EQ(ExplainFailure(address_, {}, other), other);
  EXPECT_EQ(ExplainFailure(address_, {}, absl::NotFoundError("env")), absl::NotFoundError("env"));
}

TEST_F(TransportTest, NoProxyStandsBeforeLoopbackAndElsewhereItIsNamed) {
  for (const char* variable : {"grpc_proxy", "https_proxy", "http_proxy"}) {
    setenv(variable, "http://127.0.0.1:9", 1);  // Nobody is there.
    Start({});
    EXPECT_EQ(CheckHealth({}), absl::OkStatus()) << variable;
    const absl::Status failure =
        ExplainFailure("no_such_host.invalid:1", {}, absl::UnavailableError("failed"));
    EXPECT_THAT(std::string(failure.message()),
                HasSubstr(absl::StrCat(variable, "=http://127.0.0.1:9")));
    setenv("no_proxy", "127.0.0.1, .invalid", 1);
    EXPECT_EQ(ExplainFailure("no_such_host.invalid:1", {}, absl::UnavailableError("failed")),
              absl::UnavailableError("failed"));
    unsetenv("no_proxy");
    unsetenv(variable);
  }
}

TEST_F(TransportTest, AnAddressIsReadStrictly) {
  EXPECT_THAT(std::string(Configure("127.0.0.1:99999", {}).message()),
              HasSubstr("the port is '99999', expected 0 to 65535"));
  EXPECT_THAT(std::string(Configure("127.0.0.1:abc", {}).message()), HasSubstr("'abc'"));
  EXPECT_EQ(MakeChannel("127.0.0.1", {}).status().code(), absl::StatusCode::kInvalidArgument);
  Start({}, "[::1]:0");
  EXPECT_THAT(address_, testing::StartsWith("[::1]:"));
  EXPECT_EQ(CheckHealth({}), absl::OkStatus());
}

TEST_F(TransportTest, AUnixSocketNeedsNoTlsWhateverIsGiven) {
  Start(Options("server", "ca", "token"), sockets_->SocketAddress("a \xc3\xa4%20 b"));
  EXPECT_EQ(Enter({}), absl::OkStatus());
  EXPECT_EQ(Enter(Options("client", "ca", "token")), absl::OkStatus());
}

TEST_F(TransportTest, OneServerListensOnSeveralAddresses) {
  const std::string socket = sockets_->SocketAddress("several");
  auto server = RpcServer::Start({"0.0.0.0:0", socket}, Options("server", "", "token"), {});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_THAT((*server)->address(), testing::StartsWith("0.0.0.0:"));
  address_ = socket;
  EXPECT_EQ(Enter({}), absl::OkStatus());
  address_ = absl::StrCat("127.0.0.1", (*server)->address().substr(7));
  EXPECT_EQ(Enter(Options("", "ca", "token")), absl::OkStatus());
}

TEST_F(TransportTest, MissingAndEmptyFilesAreNamed) {
  TransportOptions options = Options("server", "", "no_such_file");
  EXPECT_EQ(Configure("127.0.0.1:0", options).code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(Configure("127.0.0.1:0", options).message()), HasSubstr("no_such_file"));
  EXPECT_EQ(MakeChannel("127.0.0.1:1", options).status().code(), absl::StatusCode::kNotFound);
  for (const char* token : {"empty", "blank"}) {
    EXPECT_EQ(Configure("127.0.0.1:0", Options("server", "", token)).code(),
              absl::StatusCode::kInvalidArgument);
  }
  options = Options("server", "", "");
  options.tls_key.clear();
  EXPECT_EQ(Configure("127.0.0.1:0", options).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(TransportTest, SecondServerOnAnAddressCannotListen) {
  for (const std::string& listen : {std::string("127.0.0.1:0"), sockets_->SocketAddress("x")}) {
    Start({}, listen);
    EXPECT_EQ(Configure(address_, {}),
              absl::UnavailableError(
                  absl::StrCat("cannot listen on ", address_, ": Address already in use")));
    EXPECT_EQ(CheckHealth({}), absl::OkStatus());
  }
}

TEST(Transport, AServiceThatIsNotThereIsSaidInWords) {
  EXPECT_THAT(FromGrpc(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "")).message(),
              testing::HasSubstr("another program"));
  EXPECT_EQ(FromGrpc(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "no goal")).message(),
            "no goal");
}

TEST(Transport, WhatGrpcSaysByItselfIsInOurLogAtLevelDebug) {
  ASSERT_TRUE(MakeChannel("127.0.0.1:1", {}).ok());
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  gpr_log(GPR_ERROR, "Handshake failed");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  spdlog::set_level(spdlog::level::debug);
  testing::internal::CaptureStdout();
  gpr_log(GPR_ERROR, "Handshake failed");
  spdlog::default_logger()->flush();
  EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("gRPC: Handshake failed ("));
  spdlog::set_level(spdlog::level::info);
}

TEST(Transport, StatusGoesThroughGrpcUnchanged) {
  const absl::Status status = absl::OutOfRangeError("gap");
  EXPECT_EQ(FromGrpc(ToGrpc(status)), status);
  EXPECT_EQ(FromGrpc(ToGrpc(absl::OkStatus())), absl::OkStatus());
}

}  // namespace
}  // namespace armature
