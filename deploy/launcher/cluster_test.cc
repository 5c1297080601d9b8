// What a cluster starts, with which addresses, and what becomes of a child that dies.
#include "deploy/launcher/cluster.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/files/atomic_file.h"
#include "deploy/launcher/testing/cluster_fixture.h"
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
