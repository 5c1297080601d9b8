// Many connections: more than the number of files that the process may open.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <vector>

#include "common/rpc/rpc_server.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/byte_buffer.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr int kFilesMax = 120;
constexpr int kCrowd = 200;

// Runs in its own process, so that its ends of the connections are not the server's files.
class Crowd {
 public:
  // Before any thread starts.
  Crowd() {
    if (pipe2(order_, O_CLOEXEC) != 0 || pipe2(report_, O_CLOEXEC) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) Gather();
    close(order_[0]);
    close(report_[1]);
  }
  ~Crowd() {
    close(order_[1]);
    close(report_[0]);
    waitpid(pid_, nullptr, 0);
  }

  // Returns once the server has served or closed every connection.
  void Come(int port) {
    ASSERT_EQ(write(order_[1], &port, sizeof(port)), static_cast<ssize_t>(sizeof(port)));
    Await();
  }
  void Leave() { Come(0); }

 private:
  [[noreturn]] void Gather() {
    close(order_[1]);
    rlimit limit = {};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    std::vector<int> connections;
    int port = 0;
    while (read(order_[0], &port, sizeof(port)) == static_cast<ssize_t>(sizeof(port))) {
      for (const int fd : connections) close(fd);
      connections.clear();
      for (int i = 0; i < kCrowd && port != 0; ++i) connections.push_back(Connect(port));
      for (const int fd : connections) {
        char first = 0;
        [[maybe_unused]] const ssize_t ignored = read(fd, &first, 1);
      }
      if (write(report_[1], "x", 1) != 1) break;
    }
    _exit(0);
  }
  static int Connect(int port) {
    sockaddr_in name = {};
    name.sin_family = AF_INET;
    name.sin_port = htons(static_cast<uint16_t>(port));
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)) != 0) _exit(1);
    return fd;
  }
  void Await() {
    char done = 0;
    ASSERT_EQ(read(report_[0], &done, 1), 1);
  }

  int order_[2];
  int report_[2];
  pid_t pid_;
};

absl::Status CheckHealth(const std::string& address) {
  const auto channel = MakeChannel(address, {});
  if (!channel.ok()) return channel.status();
  grpc::GenericStub stub(*channel);
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  grpc::CompletionQueue queue;
  const grpc::ByteBuffer request(nullptr, 0);
  grpc::ByteBuffer response;
  grpc::Status status;
  const auto rpc = stub.PrepareUnaryCall(&context, RpcServer::kHealthCheck, request, &queue);
  rpc->StartCall();
  rpc->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return FromGrpc(status);
}

// Call it after the crowd has come to be: that has files enough.
std::unique_ptr<RpcServer> StartWithFewFiles() {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = kFilesMax;
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  return RpcServer::Start({"127.0.0.1:0"}, {}, {}).value();
}

TEST(OutOfFiles, ACrowdLeavesFilesAndTheServerServesOnWhenItHasGone) {
  Crowd crowd;
  const std::unique_ptr<RpcServer> server = StartWithFewFiles();
  const std::string address = server->address();
  const int port = ParseAddress(address)->port;
  ASSERT_EQ(CheckHealth(address), absl::OkStatus());

  for (int i = 0; i < 2; ++i) {
    crowd.Come(port);
    std::vector<int> files;
    for (int j = 0; j < 10; ++j) files.push_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
    for (const int fd : files) {
      EXPECT_GE(fd, 0) << "no file is left for a checkpoint";
      close(fd);
    }
    crowd.Leave();
    EXPECT_EQ(CheckHealth(address), absl::OkStatus());
  }
}

// The process itself uses up its files, except those that the test needs.
TEST(OutOfFiles, TheServerServesOnAfterNoFileWasLeft) {
  Crowd crowd;
  const std::unique_ptr<RpcServer> server = StartWithFewFiles();
  const std::string address = server->address();
  std::vector<int> files;
  for (int fd = 0; fd >= 0;) {
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) files.push_back(fd);
  }
  crowd.Come(ParseAddress(address)->port);
  for (const int fd : files) close(fd);
  crowd.Leave();
  EXPECT_EQ(CheckHealth(address), absl::OkStatus());
}

}  // namespace
}  // namespace armature
