// How a cluster ends: with a result, a failure or a stop; in which order, and what is said.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/files/atomic_file.h"
#include "deploy/launcher/testing/cluster_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(ClusterTest, AFollowerFollowsTheRunAndEndsAfterTheLearner) {
  const std::string order = folder_ + "/order";
  const std::string fifo = folder_ + "/go";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  Script("uploader", "echo 'wandb: follows it'\ntrap 'echo uploader >> " + order +
                         "; exit 0' TERM\necho > " + fifo + "\nsleep 1000 & wait\n");
  Script("learner", "ready 127.0.0.1:71\nread < " + fifo + "\n" + std::string(kSolved) +
                        "echo learner >> " + order + "\n");
  options_.programs.followers = {
      {{folder_ + "/uploader"}, "uploader", "wandb: ", "Weights & Biases", "upload it later"}};
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(Starts("uploader"), testing::ElementsAre(options_.run_dir));
  EXPECT_THAT(text_, HasSubstr("armature: wandb: follows it"));
  EXPECT_EQ(*ReadWholeFile(order), "learner\nuploader\n");
}

TEST_F(ClusterTest, AFollowerThatFailsIsALineAndTheRunGoesOn) {
  const std::string fifo = folder_ + "/go";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  Script("uploader", "exec 3> " + fifo + "\necho 'wandb: there is no client'\nexit 1\n");
  // Reads until the uploader has ended.
  Script("learner", "ready 127.0.0.1:71\ncat " + fifo + "\n" + std::string(kSolved));
  options_.programs.followers = {
      {{folder_ + "/uploader"}, "uploader", "wandb: ", "Weights & Biases", "upload it later"}};
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(text_, HasSubstr("armature: wandb: there is no client"));
  EXPECT_THAT(
      text_, HasSubstr("armature: uploader exited with status 1; the run goes on without Weights & "
                       "Biases"));
}

TEST_F(ClusterTest, AFollowerThatDiesWhileItFinishesSaysWhatToDo) {
  const std::string fifo = folder_ + "/go";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  Script("uploader", "trap 'kill -KILL $$' TERM\necho > " + fifo + "\nsleep 1000 & wait\n");
  Script("learner", "ready 127.0.0.1:71\nread < " + fifo + "\n" + std::string(kSolved));
  options_.programs.followers = {
      {{folder_ + "/uploader"}, "uploader", "wandb: ", "Weights & Biases", "upload it later"}};
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(text_, HasSubstr("armature: uploader was killed by signal 9 before it had finished; "
                               "upload it later"));
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

}  // namespace
}  // namespace armature
