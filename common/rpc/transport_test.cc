#include "common/rpc/transport.h"

#include <cstdlib>
#include <fstream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/server.h"
#include "grpcpp/support/byte_buffer.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

std::string Path(const std::string& name) { return testing::TempDir() + "/" + name; }

void Run(const std::string& command) {
  ASSERT_EQ(std::system(("cd " + testing::TempDir() + " && " + command + " 2>/dev/null").c_str()),
            0)
      << command;
}

// Makes `name`.pem and `name`.key signed by `authority`.pem, good for 127.0.0.1.
void MakeCertificate(const std::string& name, const std::string& authority) {
  std::ofstream(Path(name + ".ext")) << "subjectAltName=IP:127.0.0.1\n";
  Run("openssl req -newkey rsa:2048 -nodes -subj /CN=" + name + " -keyout " + name + ".key -out " +
      name + ".csr");
  Run("openssl x509 -req -in " + name + ".csr -CA " + authority + ".pem -CAkey " + authority +
      ".key -CAcreateserial -days 2 -extfile " + name + ".ext -out " + name + ".pem");
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
    grpc::ServerBuilder builder;
    int port = 0;
    ASSERT_TRUE(ConfigureServer(listen, options, &builder, &port).ok());
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    address_ = absl::StrCat("127.0.0.1:", port);
  }

  // The outcome of an empty message to `method` of the server.
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
    return FromGrpc(status);
  }
  absl::Status CheckHealth(const TransportOptions& options) {
    return Call(options, "/grpc.health.v1.Health/Check");
  }
  bool HasReflection(const TransportOptions& options) {
    const absl::Status status =
        Call(options, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo");
    return status.code() != absl::StatusCode::kUnimplemented;
  }

  grpc::CallbackGenericService service_;  // Answers UNIMPLEMENTED.
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

absl::Status Configure(const std::string& listen, const TransportOptions& options) {
  grpc::ServerBuilder builder;
  int port = 0;
  return ConfigureServer(listen, options, &builder, &port);
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
  EXPECT_THAT(std::string(Configure("0.0.0.0:0", {}).message()), HasSubstr("listen on 127.0.0.1"));
  EXPECT_TRUE(Configure("0.0.0.0:0", Options("server", "", "token")).ok());
  EXPECT_TRUE(Configure("0.0.0.0:0", Options("server", "ca", "")).ok());
}

TEST_F(TransportTest, TokenOverTlsIsDemanded) {
  Start(Options("server", "", "token"), "0.0.0.0:0");
  EXPECT_EQ(CheckHealth(Options("", "ca", "token")), absl::OkStatus());
  EXPECT_EQ(CheckHealth(Options("", "ca", "")).code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(CheckHealth(Options("", "ca", "other_token")).code(),
            absl::StatusCode::kUnauthenticated);
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

TEST_F(TransportTest, SecondServerOnAPortCannotBind) {
  Start({});
  grpc::ServerBuilder builder;
  int port = -1;
  ASSERT_TRUE(ConfigureServer(address_, {}, &builder, &port).ok());
  const std::unique_ptr<grpc::Server> second = builder.BuildAndStart();
  EXPECT_EQ(port, 0);
}

TEST(Transport, StatusGoesThroughGrpcUnchanged) {
  const absl::Status status = absl::OutOfRangeError("gap");
  EXPECT_EQ(FromGrpc(ToGrpc(status)), status);
  EXPECT_EQ(FromGrpc(ToGrpc(absl::OkStatus())), absl::OkStatus());
}

}  // namespace
}  // namespace armature
