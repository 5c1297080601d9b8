// Two learners of one run as their actors see them: gRPC on loopback, run directories,
// tiny networks.
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/cli/files.h"
#include "common/metrics/metrics.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "learner/learner.h"
#include "learner/learner_metrics.h"
#include "learner/replicas/replicas.h"
#include "learner/run_config.h"
#include "learner/run_dir/run_directory.h"
#include "learner/testing/experience.h"
#include "learner/testing/fake_actor.h"
#include "nlohmann/json.hpp"

namespace armature {
namespace {

using Kind = v1::LearnerEvent;

// One process's life of a replica.
class RunningReplica {
 public:
  RunningReplica(const RunConfig& config, const ReplicaRole& role)
      : directory_(RunDirectory::Open(NewPath(role)).value()),
        learner_(config, role, TransportOptions(), directory_.get(), &metrics_, c10::kCPU) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    for (grpc::Service* service : learner_.services()) builder.RegisterService(service);
    server_ = builder.BuildAndStart();
    thread_ = std::thread([this] { over_ = learner_.trainer().Run(); });
  }

  // Whether the run was over by itself.
  absl::StatusOr<bool> Join() {
    thread_.join();
    learner_.intake().EndStreams(absl::UnavailableError("stopped"));
    server_->Shutdown(absl::ToChronoTime(absl::Now() + absl::Seconds(1)));
    return over_;
  }
  void Stop() { learner_.trainer().Stop(); }
  std::shared_ptr<grpc::Channel> NewChannel() const {
    return grpc::CreateChannel(absl::StrCat("127.0.0.1:", port_),
                               grpc::InsecureChannelCredentials());
  }
  std::string path(const std::string& file) const { return directory_->path() + "/" + file; }
  const LearnerMetrics& metrics() const { return metrics_; }

 private:
  static std::string NewPath(const ReplicaRole& role) {
    const std::string path =
        absl::StrCat(testing::TempDir(), "/",
                     testing::UnitTest::GetInstance()->current_test_info()->name(), role.replica);
    std::filesystem::remove_all(path);
    return path;
  }

  std::unique_ptr<RunDirectory> directory_;
  MetricsRegistry registry_{"learner"};
  LearnerMetrics metrics_{&registry_};
  Learner learner_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::thread thread_;
  absl::StatusOr<bool> over_ = false;
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
  const nlohmann::json result = nlohmann::json::parse(*ReadFile(first.path("result.json")));
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
  alone.Stop();
  EXPECT_FALSE(*alone.Join());
  EXPECT_EQ(alone.metrics().learner_steps.value(), 0);
}

}  // namespace
}  // namespace armature
