// The env servers here are shell scripts that behave as each test needs.
#include "deploy/verbs/env_server_process.h"

#include <sys/stat.h>

#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

class EnvServerProcessTest : public testing::Test {
 protected:
  // Runs `body`, with the port file's path in $port_file, until on_end or, with `stop_when_ready`,
  // until it was stopped.
  void Run(const std::string& body, bool stop_when_ready,
           absl::Duration ready_timeout = absl::Minutes(1)) {
    const std::string path = testing::TempDir() + "/server";
    std::ofstream(path) << "#!/bin/bash\nport_file=${@: -1}\n" << body;
    chmod(path.c_str(), 0755);
    EnvServerProcess* running = nullptr;
    EnvServerProcess server(&loop_, {[&](absl::StatusOr<std::string> address) {
                                       ready_.push_back(address);
                                       if (stop_when_ready) running->Stop();
                                     },
                                     [&](const std::string& line) { complaints_ += line; },
                                     [&](const absl::Status& status) {
                                       ended_ = status;
                                       loop_.Stop();
                                     }});
    running = &server;
    ASSERT_TRUE(server.Start({path, "--flag"}, ready_timeout).ok());
    loop_.Run();
  }

  EventLoop loop_;
  std::vector<absl::StatusOr<std::string>> ready_;
  std::string complaints_;
  absl::Status ended_ = absl::UnknownError("on_end was not called");
};

constexpr char kReady[] =
    "printf '127.0.0.1:71\\n-\\n' > $port_file.tmp; mv $port_file.tmp $port_file\n";

TEST_F(EnvServerProcessTest, TellsItsAddressAndEndsWhenStopped) {
  Run(std::string("echo '[warning] hot'\n") + kReady + "exec sleep 1000\n",
      /*stop_when_ready=*/true);
  ASSERT_EQ(ready_.size(), 1u);
  EXPECT_EQ(ready_[0].value(), "127.0.0.1:71");
  EXPECT_TRUE(ended_.ok()) << ended_;
}

TEST_F(EnvServerProcessTest, OneThatEndsTooSoonIsToldWithItsLastWords) {
  Run("echo '[error] no such environment'; exit 2\n", /*stop_when_ready=*/false);
  ASSERT_EQ(ready_.size(), 1u);
  EXPECT_EQ(ready_[0].status().message(),
            "the env server exited with status 2: [error] no such environment");
  EXPECT_EQ(ended_, ready_[0].status());
  EXPECT_THAT(complaints_, HasSubstr("no such environment"));
}

TEST_F(EnvServerProcessTest, OneThatDiesLaterIsToldAtItsEnd) {
  Run(std::string(kReady) + "kill -9 $$\n", /*stop_when_ready=*/false);
  EXPECT_THAT(ended_.message(), HasSubstr("the env server was killed by signal 9"));
}

TEST_F(EnvServerProcessTest, OneThatIsNotReadyInTimeIsGivenUp) {
  Run("exec sleep 1000\n", /*stop_when_ready=*/true, absl::Milliseconds(50));
  ASSERT_EQ(ready_.size(), 1u);
  EXPECT_THAT(ready_[0].status().message(), HasSubstr("not ready within 50ms"));
  EXPECT_TRUE(ended_.ok()) << ended_;
}

}  // namespace
}  // namespace armature
