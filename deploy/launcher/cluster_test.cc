// The children here are shell scripts that behave as each test needs.
#include "deploy/launcher/cluster.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/files/atomic_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

// Parses and records the flags, and defines `ready ADDRESS`.
constexpr char kPrelude[] = R"(#!/bin/bash
echo "$*" >> "$(dirname "$0")/$(basename "$0").arguments"
name=$(basename "$0")
all="$*"
while [ $# -gt 0 ]; do
  case "$1" in
    --port_file) port_file=$2; shift;;
    --run_dir|--resume) run_dir=$2; shift;;
    --socket) socket=$2; shift;;
    --listen) listen=$2; shift;;
  esac
  shift
done
runs=$(wc -l < "$(dirname "$0")/$name.arguments")
ready() {
  printf '%s\n%s\n' "$1" 127.0.0.1:9 > "$port_file.tmp"
  mv "$port_file.tmp" "$port_file"
}
result() { echo "$1" > "$run_dir/result.json.tmp"; mv "$run_dir/result.json.tmp" "$run_dir/result.json"; }
)";
constexpr char kLive[] = "exec sleep 1000\n";
constexpr char kSolved[] =
    R"(result '{"target_reached": true, "success_rate": 0.97, "return_mean": 1, "env_steps": 5,
                "wall_s": 2}')"
    "\n";

// Answers at once, and runs the test's hook.
class FakeStatus : public StatusSource {
 public:
  void Ask(const std::string& address, OnStatus on_status) override {
    v1::StatusResponse status;
    status.set_env_steps(++asked_);
    status.set_waiting(address);
    on_ask_(asked_);
    if (change_) change_(status);
    on_status(status);
  }
  std::function<void(int)> on_ask_ = [](int) {};
  std::function<void(v1::StatusResponse&)> change_;

 private:
  int asked_ = 0;
};

// Answers for all processes except those that the test has frozen.
class FakeHealth : public HealthSource {
 public:
  void Ask(const std::string& rpc_address, const std::string& metrics_address, absl::Duration,
           OnAnswer on_answer) override {
    if (!is_frozen_(rpc_address, metrics_address)) on_answer();
  }
  std::function<bool(const std::string&, const std::string&)> is_frozen_ =
      [](const std::string&, const std::string&) { return false; };
};

class ClusterTest : public testing::Test {
 protected:
  ClusterTest() {
    folder_ =
        testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ + "/run");
    options_.run_dir = folder_ + "/run";
    options_.programs = {folder_ + "/learner", {folder_ + "/envserver"}, folder_ + "/actor"};
    options_.config.cluster.env_servers = 2;
    options_.config.cluster.actors = 2;
    options_.config.cluster.restart_backoff_s = 0.01;
    options_.config.cluster.progress_every_s = 0.05;
    options_.config.evaluation.stop_at_success_rate = 0.95;
    options_.stop_within = absl::Seconds(1);
    options_.config.learner.listen = "127.0.0.1:0";
    Script("learner", std::string("ready 127.0.0.1:71\n") + kLive);
    Script("envserver", std::string("ready 127.0.0.1:72\n") + kLive);
    Script("actor", std::string("ready -\n") + kLive);
  }

  void Script(const std::string& name, const std::string& body) {
    std::ofstream(folder_ + "/" + name) << kPrelude << body;
    chmod((folder_ + "/" + name).c_str(), 0755);
  }

  // Runs to the end; then `output_` has the terminal's lines.
  int Run() {
    const std::string path = folder_ + "/output";
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    Terminal terminal(fd);
    Cluster cluster(options_, &status_, &health_, &terminal, &loop_);
    cluster_ = &cluster;
    const int exit_status = cluster.Run();
    close(fd);
    text_ = *ReadWholeFile(path);
    output_ = absl::StrSplit(text_, '\n', absl::SkipEmpty());
    return exit_status;
  }

  // Returns the flags of every start of a program.
  std::vector<std::string> Starts(const std::string& name) {
    return absl::StrSplit(*ReadWholeFile(folder_ + "/" + name + ".arguments"), '\n',
                          absl::SkipEmpty());
  }

  std::string folder_;
  Cluster::Options options_;
  EventLoop loop_;
  FakeStatus status_;
  FakeHealth health_;
  Cluster* cluster_ = nullptr;
  std::string text_;
  std::vector<std::string> output_;
};

TEST_F(ClusterTest, TheUploaderFollowsTheRunAndEndsAfterTheLearner) {
  const std::string order = folder_ + "/order";
  const std::string fifo = folder_ + "/go";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  Script("uploader", "echo 'wandb: follows it'\ntrap 'echo uploader >> " + order +
                         "; exit 0' TERM\necho > " + fifo + "\nsleep 1000 & wait\n");
  Script("learner", "ready 127.0.0.1:71\nread < " + fifo + "\n" + std::string(kSolved) +
                        "echo learner >> " + order + "\n");
  options_.programs.uploader = {folder_ + "/uploader"};
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(Starts("uploader"), testing::ElementsAre(options_.run_dir));
  EXPECT_THAT(text_, HasSubstr("armature: wandb: follows it"));
  EXPECT_EQ(*ReadWholeFile(order), "learner\nuploader\n");
}

TEST_F(ClusterTest, AnUploaderThatFailsIsALineAndTheRunGoesOn) {
  const std::string fifo = folder_ + "/go";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  Script("uploader", "exec 3> " + fifo + "\necho 'wandb: there is no client'\nexit 1\n");
  // Reads until the uploader has ended.
  Script("learner", "ready 127.0.0.1:71\ncat " + fifo + "\n" + std::string(kSolved));
  options_.programs.uploader = {folder_ + "/uploader"};
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(text_, HasSubstr("armature: wandb: there is no client"));
  EXPECT_THAT(text_, HasSubstr("armature: the uploader exited with status 1; the run goes on"));
}

TEST_F(ClusterTest, StartsActorsWithTheAddressesOfTheOthersAndEndsSolved) {
  // The run is solved after the launcher's first status request.
  const std::string fifo = options_.run_dir + "/go";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  Script("learner", "ready 127.0.0.1:71\nread < \"$run_dir/go\"\n" + std::string(kSolved));
  status_.on_ask_ = [&fifo](int) { std::ofstream(fifo) << "go\n"; };
  EXPECT_EQ(Run(), 0);
  EXPECT_EQ(output_.back(),
            "armature: solved panda_reach success_rate=0.97 env_steps=5 wall_s=2.0");
  EXPECT_THAT(text_, HasSubstr("armature: panda_reach with sac: learner 127.0.0.1:71 (metrics "
                               "127.0.0.1:9), 2 env servers, 2 actors"));
  EXPECT_THAT(text_, HasSubstr("1 env steps"));
  EXPECT_THAT(Starts("learner"),
              testing::ElementsAre(StartsWith(options_.run_dir + "/config.yaml --run_dir ")));
  EXPECT_THAT(Starts("envserver"),
              testing::UnorderedElementsAre(
                  MatchesRegex("--listen unix:[^ ]*/envserver-0 --metrics_listen 127.0.0.1:0 "
                               "--name envserver-0 --threads 2 --port_file .*"),
                  HasSubstr("--name envserver-1")));
  EXPECT_THAT(Starts("actor"), testing::UnorderedElementsAre(
                                   AllOf(MatchesRegex("--learner unix:[^ ]*/learner-0 .*"),
                                         HasSubstr("--name actor-0"),
                                         HasSubstr("--env_servers 127.0.0.1:72,127.0.0.1:72 ")),
                                   HasSubstr("--name actor-1")));
  EXPECT_THAT(*ReadWholeFile(options_.run_dir + "/prometheus_targets.json"), StartsWith("["));
}

class ReplicasInCluster : public ClusterTest {
 protected:
  // For replica 0 and for replica 1; both run until they are told to end.
  ReplicasInCluster() {
    options_.config.learner.replicas = 2;
    Script("learner",
           R"(case "$all" in *"--replica 1"*) ready 127.0.0.1:81;; *) ready 127.0.0.1:71;; esac
)" + std::string(kLive));
  }
};

TEST_F(ReplicasInCluster, EachHaveTheirActorsAndAFolderInTheRunDirectory) {
  options_.config.learner.listen = "0.0.0.0:5556";
  options_.config.cluster.answer_timeout_s = 0.2;
  std::set<std::string> asked_at;  // Addresses asked for a sign of life.
  health_.is_frozen_ = [&asked_at](const std::string& rpc_address, const std::string&) {
    asked_at.insert(rpc_address);
    return false;
  };
  status_.on_ask_ = [&](int asked) {
    if (asked >= 2 && !asked_at.empty()) cluster_->Stop(SIGTERM);  // Both have been asked.
  };
  EXPECT_EQ(Run(), 128 + SIGTERM);
  const std::string config = options_.run_dir + "/config.yaml";
  const std::vector<std::string> learners = Starts("learner");
  ASSERT_EQ(learners.size(), 2u);
  EXPECT_THAT(learners[0], AllOf(StartsWith(config + " --run_dir " + options_.run_dir + " "),
                                 Not(HasSubstr("--replica"))));
  EXPECT_THAT(learners[1],
              AllOf(StartsWith(config + " --run_dir " + options_.run_dir + "/replica_1 "),
                    MatchesRegex(".* --replica 1 --replica_host unix:[^ ]*/learner-0 .*"),
                    HasSubstr("learner.listen=0.0.0.0:0"),
                    HasSubstr("learner.metrics_listen=127.0.0.1:0")));
  EXPECT_THAT(Starts("actor"), testing::UnorderedElementsAre(
                                   AllOf(HasSubstr("--name actor-0 "), HasSubstr("/learner-0 ")),
                                   AllOf(HasSubstr("--name actor-1 "), HasSubstr("/learner-0 ")),
                                   AllOf(HasSubstr("--name actor-2 "), HasSubstr("/learner-1 ")),
                                   AllOf(HasSubstr("--name actor-3 "), HasSubstr("/learner-1 "))));
  EXPECT_THAT(text_, HasSubstr("2 replicas, first learner 127.0.0.1:71 "));
  EXPECT_THAT(asked_at, Not(Contains("127.0.0.1:71")));
  EXPECT_THAT(asked_at, Not(Contains("127.0.0.1:81")));
  const std::string targets = *ReadWholeFile(options_.run_dir + "/prometheus_targets.json");
  EXPECT_THAT(targets, StartsWith("["));
}

TEST_F(ReplicasInCluster, OneThatDiesGoesOnInItsFolderAndTheOthersStay) {
  Script("learner", R"(case "$all" in
*"--replica 1"*) ready 127.0.0.1:81; case "$all" in *--resume*) ;; *) kill -KILL $$;; esac;;
*) ready 127.0.0.1:71;; esac
)" + std::string(kLive));
  status_.on_ask_ = [this](int) {
    if (Starts("learner").size() == 3) cluster_->Stop(SIGTERM);
  };
  EXPECT_EQ(Run(), 128 + SIGTERM);
  EXPECT_THAT(Starts("learner")[2],
              AllOf(StartsWith("--resume " + options_.run_dir + "/replica_1 "),
                    MatchesRegex(".* --replica 1 --replica_host unix:[^ ]*/learner-0 .*"),
                    HasSubstr("learner.listen=127.0.0.1:81")));
}

TEST_F(ReplicasInCluster, AResumedRunTakesUpThoseThatItHadAndBeginsOthersAnew) {
  options_.config.learner.replicas = 3;
  options_.resume = true;
  options_.overrides = {"learner.replicas=3"};
  std::filesystem::create_directories(options_.run_dir + "/replica_1");
  std::ofstream(options_.run_dir + "/replica_1/config.yaml") << "as it was";
  status_.on_ask_ = [this](int) { cluster_->Stop(SIGTERM); };
  EXPECT_EQ(Run(), 128 + SIGTERM);
  EXPECT_THAT(
      Starts("learner"),
      testing::UnorderedElementsAre(
          StartsWith("--resume " + options_.run_dir + " learner.replicas=3 "),
          StartsWith("--resume " + options_.run_dir + "/replica_1 learner.replicas=3 --replica 1 "),
          StartsWith(options_.run_dir + "/config.yaml --run_dir " + options_.run_dir +
                     "/replica_2 learner.replicas=3 --replica 2 ")));
}

TEST_F(ClusterTest, PrometheusKeepsTheTargetOfAChildThatIsDeadUntilTheRunEnds) {
  const std::string path = options_.run_dir + "/prometheus_targets.json";
  std::ofstream(options_.run_dir + "/run.json")
      << R"({"run_id": "c0ffee00c0ffee00", "policy_versions_reserved": 0})";
  options_.config.cluster.actors = 1;
  options_.config.cluster.restart_backoff_s = 1000;  // It stays dead.
  Script("actor", "ready -\n[ -e " + folder_ + "/dead ] || { touch " + folder_ +
                      "/dead; kill -KILL $$; }\n" + std::string(kLive));
  std::string targets;
  status_.on_ask_ = [&](int) {
    if (!std::filesystem::exists(folder_ + "/dead")) return;
    loop_.After(absl::Milliseconds(500), [&] {
      targets = *ReadWholeFile(path);
      cluster_->Stop(SIGTERM);
    });
  };
  EXPECT_EQ(Run(), 128 + SIGTERM);
  for (const char* name : {"learner-0", "envserver-0", "envserver-1", "actor-0"}) {
    EXPECT_THAT(targets, HasSubstr("\"process\": \"" + std::string(name) + "\""));
  }
  EXPECT_THAT(targets, HasSubstr("\"run_id\": \"c0ffee00c0ffee00\""));
  EXPECT_EQ(*ReadWholeFile(path), "[]\n");
}

TEST_F(ClusterTest, ARunThatFailedLeavesItsTargetsToBeSeenDown) {
  std::ofstream(options_.run_dir + "/run.json")
      << R"({"run_id": "c0ffee00c0ffee00", "policy_versions_reserved": 0})";
  options_.config.cluster.actors = 1;
  Script("actor", "ready -\necho 'actor: bad flag'\nexit 2\n");
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(*ReadWholeFile(options_.run_dir + "/prometheus_targets.json"),
              AllOf(HasSubstr("learner-0"), HasSubstr("envserver-1")));
}

TEST_F(ClusterTest, TargetThatWasNotReachedIsStatusOne) {
  Script(
      "learner",
      "ready 127.0.0.1:71\n"
      R"(result '{"target_reached": false, "success_rate": 0.5, "return_mean": 1, "env_steps": 5, "wall_s": 2}')"
      "\n");
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(output_.back(), StartsWith("armature: not solved panda_reach success_rate=0.50 "));
}

TEST_F(ClusterTest, WithoutATargetASpentBudgetIsSuccess) {
  options_.config.evaluation.stop_at_success_rate = 0;
  Script(
      "learner",
      "ready 127.0.0.1:71\n"
      R"(result '{"target_reached": false, "success_rate": null, "return_mean": 9, "env_steps": 5, "wall_s": 2}')"
      "\n");
  EXPECT_EQ(Run(), 0);
  EXPECT_EQ(output_.back(), "armature: finished panda_reach return=9.00 env_steps=5 wall_s=2.0");
}

TEST_F(ClusterTest, ALearnerThatDiesAfterItsResultIsNotStartedAgain) {
  Script("learner", "ready 127.0.0.1:71\n" + std::string(kSolved) + "kill -KILL $$\n");
  EXPECT_EQ(Run(), 0);
  EXPECT_EQ(Starts("learner").size(), 1u);
  EXPECT_EQ(output_.back(),
            "armature: solved panda_reach success_rate=0.97 env_steps=5 wall_s=2.0");
}

TEST_F(ClusterTest, NothingIsStartedAgainOnceTheRunIsOver) {
  // The learner ends only after an actor has died, so after the result.
  const std::string result = folder_ + "/result";
  const std::string died = folder_ + "/died";
  for (const std::string& fifo : {result, died}) ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  options_.config.cluster.actors = 1;
  Script("actor", "ready -\nread < " + result + "\necho > " + died + "\nkill -KILL $$\n");
  Script("learner", "ready 127.0.0.1:71\n" + std::string(kSolved) + "echo > " + result +
                        "\nread < " + died + "\nsleep 0.3\n");
  EXPECT_EQ(Run(), 0);
  EXPECT_EQ(Starts("actor").size(), 1u);
}

TEST_F(ClusterTest, AStopAfterTheResultEndsTheRunByIt) {
  const std::string fifo = folder_ + "/go";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  Script("learner", "ready 127.0.0.1:71\n" + std::string(kSolved) + "echo > " + fifo + "\n" +
                        std::string(kLive));
  status_.on_ask_ = [](int) {};
  loop_.Post([&] {
    char c = 0;
    const int fd = open(fifo.c_str(), O_RDONLY);
    EXPECT_EQ(read(fd, &c, 1), 1);
    close(fd);
    cluster_->Stop(SIGINT);
  });
  EXPECT_EQ(Run(), 0);
  EXPECT_EQ(output_.back(),
            "armature: solved panda_reach success_rate=0.97 env_steps=5 wall_s=2.0");
}

TEST_F(ClusterTest, KilledChildrenComeBackWithTheirAddressesAndTheLearnerResumes) {
  // Each role is killed once it is ready, in its first life.
  const std::string die_once = "[ $runs -gt 1 ] || kill -KILL $$\n";
  options_.config.cluster.env_servers = 1;
  options_.config.cluster.actors = 1;
  Script("envserver", "ready 127.0.0.1:72\n" + die_once + kLive);
  Script("actor", "ready -\n" + die_once + kLive);
  Script("learner", "ready 127.0.0.1:71\n" + die_once + kLive);
  status_.on_ask_ = [this](int asked) {
    // By then all of them may be back; the last line below checks it.
    if (asked == 20) cluster_->Stop(SIGTERM);
  };
  EXPECT_EQ(Run(), 128 + SIGTERM);
  ASSERT_EQ(Starts("learner").size(), 2u);
  EXPECT_THAT(Starts("learner")[1], AllOf(StartsWith("--resume " + options_.run_dir),
                                          HasSubstr("learner.listen=127.0.0.1:71")));
  ASSERT_EQ(Starts("envserver").size(), 2u);
  EXPECT_THAT(Starts("envserver")[1], StartsWith("--listen 127.0.0.1:72 "));
  EXPECT_EQ(Starts("actor").size(), 2u);
  EXPECT_THAT(output_, Contains("armature: actor-0 was killed by signal 9; restart 1 of 10 in "
                                "0.0 s"));
  EXPECT_THAT(output_, Contains("armature: envserver-0 is back"));
  EXPECT_THAT(output_.back(), AllOf(StartsWith("armature: stopped by signal 15; no checkpoint"),
                                    EndsWith("--resume " + options_.run_dir)));
}

TEST_F(ClusterTest, AChildThatKeepsDyingEndsTheRunWithItsLastLine) {
  options_.config.cluster.restarts_max = 2;
  Script("envserver",
         "ready 127.0.0.1:72\necho 'lost my simulator'\n"
         "echo 'frame #0: somewhere'\nkill -KILL $$\n");
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(output_.back(),
              AllOf(StartsWith("armature: failed: envserver-"),
                    HasSubstr("was killed by signal 9 and was restarted cluster.restarts_max=2 "
                              "times already in cluster.restart_window_s=600 s of health; its last "
                              "line: lost my simulator (logs in ")));
}

TEST_F(ClusterTest, ARunThatFailedSaysWhatIsSavedAndHowItGoesOnAlsoInItsCard) {
  options_.config.cluster.restarts_max = 1;
  options_.command = "train";
  const std::string card = options_.run_dir + "/README.md";
  std::ofstream(card) << "# x\n\nThe run has not ended.\n";
  const std::string asked = folder_ + "/asked";
  Script("envserver",
         "ready 127.0.0.1:72\nwhile [ ! -e " + asked + " ]; do sleep 0.02; done\nkill -KILL $$\n");
  status_.change_ = [](v1::StatusResponse& status) { status.set_env_steps(500); };
  status_.on_ask_ = [&asked](int) { std::ofstream(asked) << "\n"; };
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(output_.back(),
              AllOf(StartsWith("armature: failed: envserver-"),
                    EndsWith("; no checkpoint was written: 500 env steps are lost; begin anew with "
                             "train --resume " +
                             options_.run_dir)));
  EXPECT_EQ(*ReadWholeFile(card),
            absl::StrCat("# x\n\nThe run has not ended: ",
                         output_.back().substr(std::string("armature: ").size()), ".\n"));
}

TEST_F(ClusterTest, WhatIsToldAtTheEndIsForAShellAndForWhoHasNoTensorBoard) {
  options_.run_dir = folder_ + "/my run";
  std::filesystem::create_directories(options_.run_dir);
  Script("learner", std::string("ready 127.0.0.1:71\n") + kSolved);
  const std::string path = getenv("PATH");
  setenv("PATH", "/usr/bin:/bin", 1);
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(text_, AllOf(HasSubstr("armature: policy: '" + options_.run_dir +
                                     "/models/model_final.safetensors'\n"),
                           HasSubstr("armature: watch: tensorboard --logdir '" + options_.run_dir +
                                     "'  # after: pip install tensorboard\n")));
  std::filesystem::remove(options_.run_dir + "/result.json");
  Script("tensorboard", "");
  setenv("PATH", (folder_ + ":/usr/bin:/bin").c_str(), 1);
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(text_, HasSubstr("tensorboard --logdir '" + options_.run_dir + "'\n"));
  setenv("PATH", path.c_str(), 1);
}

TEST_F(ClusterTest, DeathsThatAreFarApartDoNotEndTheRun) {
  options_.config.cluster.restarts_max = 2;
  options_.config.cluster.restart_window_s = 0.001;  // So a short life counts as a long one.
  options_.config.cluster.env_servers = 1;
  Script("envserver", "ready 127.0.0.1:72\nsleep 0.1\nkill -KILL $$\n");
  status_.on_ask_ = [this](int) {
    if (Starts("envserver").size() >= 6) cluster_->Stop(SIGTERM);
  };
  EXPECT_EQ(Run(), 128 + SIGTERM);
  EXPECT_THAT(text_, Not(HasSubstr("; restart 2 of 2")));
}

TEST_F(ClusterTest, AChildThatRefusesToStartEndsTheRunAtOnce) {
  Script("learner", "echo 'learner: learner.listen=127.0.0.1:5556 is in use' >&2\nexit 1\n");
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(output_.back(),
              StartsWith("armature: failed: learner-0 exited with status 1: learner: "
                         "learner.listen=127.0.0.1:5556 is in use (logs in "));
  EXPECT_EQ(Starts("learner").size(), 1u);
}

TEST_F(ClusterTest, AHostedServerGetsItsOwnFlagsThenThoseOfEveryEnvServer) {
  options_.config.cluster.env_servers = 1;
  options_.config.cluster.env_server_command = "serve --env 'My Env-v0'";
  options_.programs.envserver = {folder_ + "/serve", "--env", "My Env-v0"};
  options_.transport.tls_certificate = "server.pem";
  Script("serve", std::string("ready 127.0.0.1:73\n") + kLive);
  Script("learner", "ready 127.0.0.1:71\n" + std::string(kSolved));
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(Starts("serve"),
              testing::ElementsAre(AllOf(
                  StartsWith("--env My Env-v0 --listen 127.0.0.1:0 --metrics_listen 127.0.0.1:0 "
                             "--name envserver-0 --port_file "),
                  HasSubstr(" --tls_certificate server.pem"), Not(HasSubstr("--threads")))));
}

TEST_F(ClusterTest, UnlessItIsToldOtherwiseItIsReachedBySocketsOfThisUserAlone) {
  options_.config.learner.listen = LearnerSection::kAuto;
  options_.config.cluster.env_servers = 1;
  options_.config.cluster.env_server_command = "armature-serve --env Pendulum-v1";
  options_.programs.envserver = {folder_ + "/armature-serve", "--env", "Pendulum-v1"};
  // Each dies once and comes back at the same address.
  const std::string die_once = "[ $runs -gt 1 ] || kill -KILL $$\n";
  Script("armature-serve", "ready \"$listen\"\n" + die_once + kLive);
  Script("learner",
         "stat -c %a:%u \"$(dirname \"${socket#unix:}\")\" > \"$run_dir/mode\"\n"
         "ready \"$socket\"\n" +
             die_once + kLive);
  status_.on_ask_ = [this](int) {
    if (Starts("learner").size() == 2 && Starts("armature-serve").size() == 2) {
      cluster_->Stop(SIGTERM);
    }
  };
  EXPECT_EQ(Run(), 128 + SIGTERM);
  const std::vector<std::string> learners = Starts("learner");
  ASSERT_THAT(learners[0], MatchesRegex(".* --socket unix:/[^ ]*/learner-0 --port_file .*"));
  EXPECT_THAT(learners, Each(Not(HasSubstr("learner.listen"))));
  const std::string socket = learners[0].substr(
      learners[0].find("unix:"), learners[0].find(" --port_file") - learners[0].find("unix:"));
  EXPECT_THAT(learners[1], HasSubstr(" --socket " + socket + " "));
  EXPECT_THAT(Starts("armature-serve"),
              Each(MatchesRegex("--env Pendulum-v1 --listen unix:/[^ ]*/envserver-0 .*")));
  EXPECT_THAT(Starts("actor"), Each(AllOf(HasSubstr("--learner " + socket + " "),
                                          MatchesRegex(".* --env_servers unix:[^ ,]* .*"))));
  EXPECT_EQ(*ReadWholeFile(options_.run_dir + "/mode"), absl::StrCat("700:", geteuid(), "\n"));
  const std::string folder = std::filesystem::path(socket.substr(5)).parent_path();
  EXPECT_FALSE(std::filesystem::exists(folder)) << folder;
}

TEST_F(ClusterTest, ActorsGetExternalEnvServersBesideThoseStarted) {
  options_.config.cluster.external_env_servers = "a:5557,b:5557";
  status_.on_ask_ = [this](int) { cluster_->Stop(SIGTERM); };
  EXPECT_EQ(Run(), 128 + SIGTERM);
  // Shorter than ready_timeout_s=60: the actor itself reports the missing server.
  EXPECT_THAT(Starts("actor"), testing::Each(HasSubstr("--connect_timeout_s 48 ")));
  EXPECT_THAT(Starts("actor"),
              testing::Each(HasSubstr("--env_servers 127.0.0.1:72,127.0.0.1:72,a:5557,b:5557 ")));
  EXPECT_THAT(text_, HasSubstr("2 env servers beside a:5557,b:5557, 2 actors"));
}

TEST_F(ClusterTest, WithExternalEnvServersNoneNeedsToBeStartedHere) {
  options_.config.cluster.env_servers = 0;
  options_.config.cluster.external_env_servers = "file:servers.txt";
  status_.on_ask_ = [this](int) { cluster_->Stop(SIGTERM); };
  EXPECT_EQ(Run(), 128 + SIGTERM);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/envserver.arguments"));
  EXPECT_THAT(Starts("actor"), testing::Each(HasSubstr("--env_servers file:servers.txt ")));
  EXPECT_THAT(text_, HasSubstr(", env servers file:servers.txt, 2 actors"));
}

TEST_F(ClusterTest, AHostedServerThatCannotImportEndsTheRunWithPythonsLastLine) {
  Script("envserver",
         "echo 'Traceback (most recent call last):' >&2\n"
         "echo '  File \"my_robot.py\", line 3, in <module>' >&2\n"
         "echo \"ModuleNotFoundError: No module named 'my_simulator'\" >&2\nexit 1\n");
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(output_.back(), HasSubstr(" exited with status 1: ModuleNotFoundError: No module "
                                        "named 'my_simulator' (logs in "));
}

TEST_F(ClusterTest, OneThatFailsLaterIsRestartedAndItsLastLineShown) {
  options_.config.cluster.env_servers = 1;
  Script("envserver",
         "ready 127.0.0.1:72\n[ $runs -gt 1 ] || { echo 'MemoryError: too big' >&2; exit 1; }\n" +
             std::string(kLive));
  status_.on_ask_ = [this](int) {
    if (Starts("envserver").size() == 2) cluster_->Stop(SIGTERM);
  };
  Run();
  EXPECT_THAT(text_, HasSubstr("armature: envserver-0 exited with status 1: MemoryError: too big; "
                               "restart 1 of 10"));
}

TEST_F(ClusterTest, AUsageErrorIsNeverRetried) {
  Script("actor", "ready -\necho 'actor: bad flag'\nexit 2\n");
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(output_.back(), AllOf(HasSubstr("exited with status 2: actor: bad flag"),
                                    Not(HasSubstr("--resume"))));
}

TEST_F(ClusterTest, AChildThatIsNeverReadyEndsTheRun) {
  options_.config.cluster.ready_timeout_s = 2;
  Script("envserver", std::string("echo 'still loading'\n") + kLive);
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(output_.back(), HasSubstr("was not ready within cluster.ready_timeout_s=2 s; its "
                                        "last line: still loading"));
}

TEST_F(ClusterTest, WhoIsWaitedForInTheFirstSecondsIsSaidOnce) {
  options_.config.cluster.env_servers = 1;
  options_.config.cluster.actors = 1;
  options_.config.cluster.ready_timeout_s = 2;
  Script("envserver", std::string("echo 'loads a scene'\n") + kLive);
  EXPECT_EQ(Run(), 1);
  EXPECT_EQ(std::count(output_.begin(), output_.end(),
                       "armature: starts, and waits for envserver-0: loads a scene"),
            1);
}

TEST_F(ClusterTest, AProgramThatIsMissingEndsTheRun) {
  options_.programs.learner = "/nonexistent/learner";
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(output_.back(), HasSubstr("the program cannot be executed"));
}

TEST_F(ClusterTest, ComplaintsAreShownWithTheirSenderAndBounded) {
  Script("actor",
         "ready -\necho '[2026-01-01 00:00:00] [info] all well'\n"
         "for i in $(seq 50); do echo \"[2026-01-01 00:00:00] [warning] trouble $i\"; done\n" +
             std::string(kLive));
  options_.config.cluster.actors = 1;
  options_.config.cluster.progress_every_s = 0.5;
  status_.on_ask_ = [this](int) { cluster_->Stop(SIGINT); };
  EXPECT_EQ(Run(), 128 + SIGINT);
  EXPECT_THAT(text_, AllOf(HasSubstr("actor-0: [2026-01-01 00:00:00] [warning] trouble 1\n"),
                           Not(HasSubstr("all well")), Not(HasSubstr("trouble 30\n"))));
  EXPECT_THAT(text_, HasSubstr("actor-0: ... more in " + options_.run_dir + "/logs/actor-0.log"));
  EXPECT_THAT(*ReadWholeFile(options_.run_dir + "/logs/actor-0.log"), HasSubstr("trouble 50\n"));
}

TEST_F(ClusterTest, AnEnvServerThatIgnoresSigtermIsKilled) {
  Script("envserver", "trap '' TERM\nready 127.0.0.1:72\nwhile :; do sleep 1000; done\n");
  status_.on_ask_ = [this](int) { cluster_->Stop(SIGTERM); };
  EXPECT_EQ(Run(), 128 + SIGTERM);
}

// A learner that begins to write on SIGTERM, says so on a fifo, and completes its checkpoint of 500
// env steps when the test opens another fifo.
class StopOfCluster : public ClusterTest {
 protected:
  StopOfCluster() {
    for (const std::string& fifo : {begun_, go_}) {
      EXPECT_EQ(mkfifo(fifo.c_str(), 0600), 0);
    }
    options_.config.cluster.env_servers = 1;
    options_.config.cluster.actors = 1;
    options_.command = "train";
    const std::string file = options_.run_dir + "/checkpoints/checkpoint_000001.safetensors";
    std::filesystem::create_directories(options_.run_dir + "/checkpoints");
    Script("learner", "ready 127.0.0.1:71\nwrite() { echo half > " + file + ".tmp; echo > " +
                          begun_ + "; read < " + go_ + R"(
header='{"__metadata__": {"counters": "{\"env_steps\": 500}"}}'
printf "\\x$(printf %x ${#header})\\0\\0\\0\\0\\0\\0\\0%s" "$header" > )" +
                          file + ".tmp\nmv " + file + ".tmp " + file +
                          "\nexit 0; }\ntrap write TERM\nwhile :; do sleep 1000 & wait; done\n");
    status_.change_ = [](v1::StatusResponse& status) { status.set_env_steps(500); };
  }
  // Stops the cluster once all are ready; continues once the learner writes.
  void StopAndThen(std::function<void()> on_begun) {
    status_.on_ask_ = [this, on_begun = std::move(on_begun)](int asked) {
      if (asked > 1) return;
      cluster_->Stop(SIGINT);
      // Also for writing, so that reading never reaches the end.
      const int fd = open(begun_.c_str(), O_RDWR);
      loop_.Watch(fd, [this, fd, on_begun] {
        loop_.Unwatch(fd);
        close(fd);
        on_begun();
      });
    };
  }

  const std::string begun_ = folder_ + "/begun";
  const std::string go_ = folder_ + "/go";
  bool will_go_ = false;
};

TEST_F(StopOfCluster, WaitsForWhatTheLearnerWritesAndSaysHowFarItIs) {
  StopAndThen([this] {
    status_.change_ = [this](v1::StatusResponse& status) {
      status.set_env_steps(500);
      status.set_waiting("writes a checkpoint: 1.0 of 2.0 MB");
      // Later than the time when actors and env servers would be killed.
      if (std::exchange(will_go_, true)) return;
      loop_.After(2 * options_.stop_within, [this] { std::ofstream(go_) << "\n"; });
    };
  });
  EXPECT_EQ(Run(), 128 + SIGINT);
  EXPECT_THAT(text_,
              HasSubstr("armature: stopping: learner-0: writes a checkpoint: 1.0 of 2.0 MB\n"));
  EXPECT_EQ(
      output_.back(),
      "armature: stopped by signal 2; all 500 env steps are saved; go on with train --resume " +
          options_.run_dir);
}

TEST_F(StopOfCluster, GivesUpWhenAskedToAndTellsWhatIsLost) {
  StopAndThen([this] { cluster_->GiveUp(); });
  EXPECT_EQ(Run(), 128 + SIGINT);
  EXPECT_EQ(
      output_.back(),
      "armature: stopped by signal 2; no checkpoint was written: 500 env steps are lost; begin "
      "anew with train --resume " +
          options_.run_dir);
  EXPECT_TRUE(std::filesystem::is_empty(options_.run_dir + "/checkpoints")) << "a .tmp is left";
}

TEST_F(StopOfCluster, ALearnerThatComesNoFurtherIsKilled) {
  options_.save_stall_max = absl::Milliseconds(300);
  StopAndThen([] {});
  EXPECT_EQ(Run(), 128 + SIGINT);
  EXPECT_THAT(text_, HasSubstr("a learner came no further for 300ms and is killed"));
  EXPECT_THAT(output_.back(), HasSubstr("500 env steps are lost"));
}

TEST_F(ClusterTest, ARunThatComesToItsEndWhileItIsStoppedEndsByItsResult) {
  Script("learner", "ready 127.0.0.1:71\nend() { " + std::string(kSolved) +
                        "exit 0; }\ntrap end TERM\nwhile :; do sleep 1000 & wait; done\n");
  status_.on_ask_ = [this](int) { cluster_->Stop(SIGTERM); };
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(output_.back(), StartsWith("armature: solved panda_reach "));
}

TEST_F(ClusterTest, WhatTheLearnerCouldNotWriteAtAStopIsSaid) {
  Script("learner",
         "ready 127.0.0.1:71\ntrap 'echo \"[2026-01-01 00:00:00] [error] no checkpoint at 500 env "
         "steps: No space left on device\"; exit 0' TERM\nwhile :; do sleep 1000 & wait; done\n");
  status_.on_ask_ = [this](int) { cluster_->Stop(SIGINT); };
  status_.change_ = [](v1::StatusResponse& status) { status.set_env_steps(500); };
  EXPECT_EQ(Run(), 128 + SIGINT);
  EXPECT_THAT(text_, HasSubstr("learner-0: [2026-01-01 00:00:00] [error] no checkpoint at 500 env "
                               "steps: No space left on device\n"));
  EXPECT_THAT(output_.back(),
              HasSubstr("no checkpoint was written: 500 env steps are lost; begin anew with"));
}

TEST_F(ClusterTest, AFrozenChildIsKilledAndRestartedAndSaidSo) {
  // The first actor is paused once it is ready; a paused process does not answer.
  options_.config.cluster.actors = 1;
  options_.config.cluster.answer_timeout_s = 0.2;
  const std::string second = folder_ + "/second";
  Script("actor", "[ $runs -gt 1 ] && touch " + second +
                      "\nready -\n[ $runs -gt 1 ] || kill -STOP $$\n" + std::string(kLive));
  health_.is_frozen_ = [&](const std::string& rpc_address, const std::string& metrics_address) {
    return rpc_address.empty() && !metrics_address.empty() && !std::filesystem::exists(second);
  };
  status_.on_ask_ = [&](int) {
    if (std::filesystem::exists(second)) cluster_->Stop(SIGTERM);
  };
  EXPECT_EQ(Run(), 128 + SIGTERM);
  EXPECT_THAT(text_,
              HasSubstr("armature: actor-0 did not answer for cluster.answer_timeout_s=0.2 s "
                        "(it is frozen) and was killed; restart 1 of 10 in 0.0 s\n"));
  EXPECT_EQ(Starts("actor").size(), 2u);
}

TEST_F(ReplicasInCluster, KeepWhatOverridesAResumedRunOnceAllAreReady) {
  options_.resume = true;
  options_.config.evaluation.episodes = 7;
  options_.overrides = {"evaluation.episodes=7"};
  const std::string config = options_.run_dir + "/config.yaml";
  const std::string of_replica = options_.run_dir + "/replica_1/config.yaml";
  std::filesystem::create_directories(options_.run_dir + "/replica_1");
  for (const std::string& path : {config, of_replica}) std::ofstream(path) << "as it was";
  status_.on_ask_ = [&](int asked) {
    if (asked == 400 || *ReadWholeFile(of_replica) != "as it was") cluster_->Stop(SIGTERM);
  };
  EXPECT_EQ(Run(), 128 + SIGTERM);
  EXPECT_THAT(*ReadWholeFile(config), HasSubstr("episodes: 7\n"));
  EXPECT_EQ(*ReadWholeFile(of_replica), *ReadWholeFile(config));
}

TEST_F(ClusterTest, AnEarlierEndIsNotThatOfARunThatGoesOn) {
  options_.resume = true;
  std::ofstream(options_.run_dir + "/config.yaml") << "as it was";
  const std::string earlier = options_.run_dir + "/result.json";
  std::ofstream(earlier) << "left from before";
  // The file exists until the learner is ready, which its first life never is.
  Script("learner", "[ -e " + earlier + " ] || exit 3\n[ $runs -gt 1 ] || kill -KILL $$\nrm " +
                        earlier + "\nready 127.0.0.1:71\n" + kSolved);
  EXPECT_EQ(Run(), 0);
  EXPECT_EQ(Starts("learner").size(), 2u);
  EXPECT_THAT(output_.back(), StartsWith("armature: solved panda_reach"));
}

TEST_F(ClusterTest, ResumeBeginsWithTheCheckpointAndLeavesTheConfigAloneUntilAllAreReady) {
  options_.resume = true;
  options_.overrides = {"evaluation.episodes=10"};
  std::ofstream(options_.run_dir + "/config.yaml") << "as it was";
  std::ofstream(options_.run_dir + "/result.json") << "left from before";
  Script("learner", std::string("ready 127.0.0.1:71\n") + kSolved);
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(Starts("learner")[0], StartsWith("--resume " + options_.run_dir +
                                               " evaluation.episodes=10 --socket unix:"));
  EXPECT_EQ(*ReadWholeFile(options_.run_dir + "/config.yaml"), "as it was");
  EXPECT_THAT(text_,
              HasSubstr("armature: play: bazel run //deploy:play -- " + options_.run_dir + "\n"));
}

}  // namespace
}  // namespace armature
