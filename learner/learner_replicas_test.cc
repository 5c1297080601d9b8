// Two learners of one run, as their actors see them: gRPC on loopback, run directories, tiny
// networks.
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/files/atomic_file.h"
#include "common/files/testing/test_path.h"
#include "common/run_config/run_config.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "gtest/gtest.h"
#include "learner/replicas/replicas.h"
#include "learner/testing/experience.h"
#include "learner/testing/fake_actor.h"
#include "learner/testing/running_learner.h"
#include "nlohmann/json.hpp"

namespace armature {
namespace {

using Kind = v1::LearnerEvent;

// One of the learners, with its own run directory.
class RunningReplica : public RunningLearner {
 public:
  RunningReplica(const RunConfig& config, const ReplicaRole& role)
      : RunningLearner(config, NewTestPath(absl::StrCat(role.replica)), Begin::kNew, role) {}
};

RunConfig TwoReplicas(const std::string& averaging) {
  RunConfig config = PointSacConfig();
  config.run.total_env_steps = 200;
  config.learner.replicas = 2;
  config.learner.averaging = averaging;
  config.learner.average_every_updates = 5;
  return config;
}

// Sends 120 steps to `replica` and waits for the end of the run.
void Act(const RunningReplica& replica) {
  FakeActor actor(replica.NewChannel(), "actor-0", 7);
  ASSERT_TRUE(actor.Join(PointSpec()).ok());
  actor.Subscribe(false);
  actor.Open();
  for (uint64_t sequence = 1; sequence <= 15; ++sequence) {
    actor.SendAndWait(MakeTransitions(sequence, 8));
  }
  actor.NextEvent(Kind::kRunOver);
  EXPECT_TRUE(actor.Leave().ok());
  actor.Unsubscribe();
}

class LearnerReplicas : public testing::TestWithParam<std::string> {};

TEST_P(LearnerReplicas, ShareABudgetAndReplica0EndsTheRunForBoth) {
  const RunConfig config = TwoReplicas(GetParam());
  RunningReplica first(config, ReplicaRole());
  RunningReplica second(config, {1, first.NewChannel()});
  std::thread actor([&] { Act(second); });
  Act(first);
  actor.join();
  EXPECT_TRUE(*first.Join());
  EXPECT_TRUE(*second.Join());
  const nlohmann::json result = nlohmann::json::parse(*ReadWholeFile(first.path("result.json")));
  EXPECT_GE(result["env_steps"].get<int64_t>(), 200);
  EXPECT_FALSE(std::filesystem::exists(second.path("result.json")));
  EXPECT_GT(second.metrics().average_rounds.value(), 0);
  EXPECT_EQ(first.metrics().replicas_lost.value(), 0);
}

INSTANTIATE_TEST_SUITE_P(EveryAveraging, LearnerReplicas,
                         testing::Values("parameters", "gradients"));

TEST(LearnerReplica, ThatWaitsForReplica0LearnsNothingAndCanBeStopped) {
  RunConfig config = TwoReplicas("parameters");
  RunningReplica alone(config, {1, grpc::CreateChannel("127.0.0.1:1",  // No one is there.
                                                       grpc::InsecureChannelCredentials())});
  FakeActor actor(alone.NewChannel(), "actor-0", 7);
  ASSERT_TRUE(actor.Join(PointSpec()).ok());
  actor.Open();
  for (uint64_t sequence = 1; sequence <= 2; ++sequence) {
    actor.SendAndWait(MakeTransitions(sequence, 8));  // Enough for a first update.
  }
  EXPECT_THAT(actor.Status().waiting(), testing::HasSubstr("replica 1 waits for replica 0"));
  EXPECT_FALSE(*alone.StopAndJoin());
  EXPECT_EQ(alone.metrics().learner_steps.value(), 0);
}

}  // namespace
}  // namespace armature
