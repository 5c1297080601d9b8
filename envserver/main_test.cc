// The env server as a process: its flags, its first line and how it ends.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/rpc/protocol.h"
#include "common/rpc/transport.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "gtest/gtest.h"
#include "proto/env_service.grpc.pb.h"

namespace armature {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A running env server; stdout and stderr come through one pipe.
class Process {
 public:
  explicit Process(std::vector<std::string> arguments) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      dup2(ends[1], STDERR_FILENO);
      close(ends[0]);
      close(ends[1]);
      const std::string program = "envserver/envserver";
      std::vector<char*> words = {const_cast<char*>(program.c_str())};
      for (std::string& argument : arguments) words.push_back(argument.data());
      words.push_back(nullptr);
      execv(program.c_str(), words.data());
      _exit(127);
    }
    close(ends[1]);
    output_ = fdopen(ends[0], "r");
  }
  ~Process() {
    if (pid_ != 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    fclose(output_);
  }

  std::string ReadLine() {
    char* line = nullptr;
    size_t capacity = 0;
    const ssize_t size = getline(&line, &capacity, output_);
    const std::string text = size > 0 ? std::string(line, size) : "";
    free(line);
    return text;
  }
  std::string ReadAll() {
    std::string text;
    for (std::string line = ReadLine(); !line.empty(); line = ReadLine()) text += line;
    return text;
  }
  void Signal(int signal) { kill(pid_, signal); }
  // Returns its exit status, or minus the signal that killed it.
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_;
  FILE* output_;
};

TEST(EnvServerTest, ListPrintsEnvironmentsAndWrappersAndTheirKeys) {
  Process server({"--list"});
  const std::string text = server.ReadAll();
  EXPECT_THAT(text, HasSubstr("cartpole: "));
  EXPECT_THAT(text, HasSubstr("\n  time_limit_s = 5  (number, at least 0.05 and at most 3600)\n    "
                              "  Simulated length"));
  EXPECT_THAT(text, HasSubstr("\n  reward.alive = 1  (number)\n"));
  EXPECT_THAT(text, HasSubstr("panda_reach: "));
  EXPECT_THAT(text, HasSubstr("\n  latency.action_steps = 1  (integer, at least 0 and at most"));
  EXPECT_EQ(server.Wait(), 0);
}

TEST(EnvServerTest, AWrongFlagIsOneLineAndStatusTwo) {
  Process server({"--thread", "2"});
  EXPECT_THAT(server.ReadLine(), HasSubstr("--thread"));
  EXPECT_EQ(server.ReadLine(), "");
  EXPECT_EQ(server.Wait(), 2);
}

TEST(EnvServerTest, AnUnprotectedAddressIsRefused) {
  Process server({"--listen", "0.0.0.0:0"});
  EXPECT_THAT(server.ReadLine(), HasSubstr("refuses to listen on 0.0.0.0:0"));
  EXPECT_EQ(server.ReadLine(), "");
  EXPECT_EQ(server.Wait(), 1);
}

TEST(EnvServerTest, ATakenPortIsOneLine) {
  const std::string port_file = std::string(std::getenv("TEST_TMPDIR")) + "/taken";
  Process first({"--listen", "127.0.0.1:0", "--port_file", port_file});
  EXPECT_THAT(first.ReadLine(), StartsWith("envserver ready on 127.0.0.1:"));
  Process second({"--listen", ReadPortFile(port_file)->rpc_address});
  EXPECT_THAT(second.ReadLine(), HasSubstr("cannot listen on 127.0.0.1:"));
  EXPECT_EQ(second.ReadLine(), "");
  EXPECT_EQ(second.Wait(), 1);
}

TEST(EnvServerTest, SigtermTellsTheClientsAndEndsWithStatusZero) {
  const std::string port_file = std::string(std::getenv("TEST_TMPDIR")) + "/ports";
  Process server(
      {"--listen", "127.0.0.1:0", "--port_file", port_file, "--threads", "1", "--name", "sim"});
  const std::string ready = server.ReadLine();
  const absl::StatusOr<PortFile> ports = ReadPortFile(port_file);
  ASSERT_TRUE(ports.ok()) << ports.status();
  EXPECT_THAT(ready, StartsWith("envserver ready on " + ports->rpc_address + ", metrics http://" +
                                ports->metrics_address + "/metrics, 1 thread, environments: "));
  EXPECT_THAT(ready, HasSubstr("cartpole"));

  const auto channel = MakeChannel(ports->rpc_address, {});
  const auto stub = v1::EnvService::NewStub(*channel);
  grpc::ClientContext context;
  const auto stream = stub->Rollout(&context);
  v1::RolloutRequest request;
  *request.mutable_open()->mutable_handshake() = MakeHandshake("tester", 1, "");
  request.mutable_open()->set_env_id("cartpole");
  request.mutable_open()->set_num_envs(2);
  request.mutable_open()->set_num_groups(1);
  ASSERT_TRUE(stream->Write(request));
  v1::RolloutResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_TRUE(stream->Read(&response));

  server.Signal(SIGTERM);
  EXPECT_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "env server sim is shutting down");
  EXPECT_THAT(server.ReadAll(), EndsWith("envserver stopped\n"));
  EXPECT_EQ(server.Wait(), 0);
}

}  // namespace
}  // namespace armature
