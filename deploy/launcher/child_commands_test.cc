#include "deploy/launcher/child_commands.h"

#include <filesystem>
#include <fstream>
#include <memory>

#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ChildCommandsTest : public testing::Test {
 protected:
  ChildCommandsTest() {
    options_.run_dir = testing::TempDir() + "/run";
    options_.programs = {"learner", {"envserver"}, "actor", {}};
    options_.config.learner.listen = "0.0.0.0:5556";
    std::filesystem::remove_all(options_.run_dir);
  }

  std::string Learner(int64_t replica, bool goes_on = false, const std::string& last = "") {
    return absl::StrJoin(commands_.Learner(replica, goes_on, last), " ") + " ";
  }
  std::string Socket(const std::string& name) { return sockets_->SocketAddress(name); }

  ClusterOptions options_;
  const std::unique_ptr<PrivateFolder> sockets_ = PrivateFolder::Make().value();
  const ChildCommands commands_{&options_, sockets_.get()};
};

TEST_F(ChildCommandsTest, ALearnerBeginsWithTheConfigAndGoesOnInItsFolder) {
  const std::string& run = options_.run_dir;
  EXPECT_EQ(Learner(0), "learner " + run + "/config.yaml --run_dir " + run + " --socket " +
                            Socket("learner-0") + " --port_file " + run + "/ports/learner-0 ");
  EXPECT_THAT(Learner(0, /*goes_on=*/true, "0.0.0.0:5556"),
              AllOf(StartsWith("learner --resume " + run + " "),
                    HasSubstr(" learner.listen=0.0.0.0:5556 ")));
  options_.config.learner.listen = LearnerSection::kAuto;
  EXPECT_THAT(Learner(0, true, Socket("learner-0")), Not(HasSubstr("learner.listen")));
}

TEST_F(ChildCommandsTest, AReplicaHasItsOwnFolderAndPorts) {
  const std::string folder = options_.run_dir + "/replica_1";
  EXPECT_THAT(Learner(1), AllOf(HasSubstr(" --run_dir " + folder + " "),
                                HasSubstr(" --replica 1 --replica_host " + Socket("learner-0")),
                                HasSubstr(" learner.metrics_listen=127.0.0.1:0 "),
                                HasSubstr(" learner.listen=0.0.0.0:0 ")));
}

TEST_F(ChildCommandsTest, AResumedRunBeginsAnewWithAReplicaThatItDidNotHave) {
  options_.resume = true;
  options_.overrides = {"learner.replicas=2"};
  EXPECT_THAT(Learner(0),
              StartsWith("learner --resume " + options_.run_dir + " learner.replicas=2 --socket "));
  const std::string folder = options_.run_dir + "/replica_1";
  EXPECT_THAT(Learner(1), HasSubstr("/config.yaml --run_dir " + folder + " learner.replicas=2 "));
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/config.yaml") << "as it was";
  EXPECT_THAT(Learner(1), StartsWith("learner --resume " + folder + " learner.replicas=2 "));
}

TEST_F(ChildCommandsTest, AnEnvServerKeepsItsAddress) {
  const auto words = [this](const std::string& last) {
    return absl::StrJoin(commands_.EnvServer("envserver-1", last), " ");
  };
  EXPECT_THAT(words(""), StartsWith("envserver --listen " + Socket("envserver-1") + " "));
  EXPECT_THAT(words("127.0.0.1:72"), StartsWith("envserver --listen 127.0.0.1:72 "));
}

TEST_F(ChildCommandsTest, AHostedServerGetsItsOwnFlagsThenThoseOfEveryEnvServer) {
  options_.config.cluster.env_server_command = "serve --env 'My Env-v0'";
  options_.programs.envserver = {"serve", "--env", "My Env-v0"};
  options_.transport.tls_certificate = "server.pem";
  EXPECT_EQ(absl::StrJoin(commands_.EnvServer("envserver-0", ""), " "),
            "serve --env My Env-v0 --listen 127.0.0.1:0 --metrics_listen 127.0.0.1:0 --name "
            "envserver-0 --port_file " +
                options_.run_dir + "/ports/envserver-0 --tls_certificate server.pem");
}

TEST_F(ChildCommandsTest, ExternalEnvServersComeAfterThoseStarted) {
  const auto words = [this](const std::vector<std::string>& env_servers) {
    return absl::StrJoin(commands_.Actor("actor-3", /*replica=*/1, env_servers), " ");
  };
  // Shorter than ready_timeout_s=60: the actor itself reports the missing server.
  EXPECT_THAT(words({"unix:a", "unix:b"}),
              AllOf(StartsWith("actor --learner " + Socket("learner-1") +
                               " --env_servers unix:a,unix:b --name actor-3 "),
                    HasSubstr(" --connect_timeout_s 48 "), EndsWith("/ports/actor-3")));
  options_.config.cluster.external_env_servers = "host:5557";
  EXPECT_THAT(words({"unix:a"}), HasSubstr(" --env_servers unix:a,host:5557 "));
  EXPECT_THAT(words({}), HasSubstr(" --env_servers host:5557 "));
}

}  // namespace
}  // namespace armature
