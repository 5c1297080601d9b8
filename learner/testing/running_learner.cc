#include "learner/testing/running_learner.h"

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "learner/testing/experience.h"

namespace armature {

RunningLearner::RunningLearner(const RunConfig& config, const std::string& path, Begin begin,
                               const ReplicaRole& role)
    : directory_(RunDirectory::Open(path).value()),
      learner_(config, role, TransportOptions(), directory_.get(), &metrics_, c10::kCPU) {
  EXPECT_TRUE(begin == Begin::kNew || learner_.trainer().Restore().ok());
  server_.emplace(learner_.services());
  if (begin != Begin::kResumeHeld) Start();
}

RunningLearner::~RunningLearner() {
  if (thread_.joinable()) {
    EXPECT_TRUE(StopAndJoin().ok());
  }
}

void RunningLearner::Start() {
  thread_ = std::thread([this] { over_ = learner_.trainer().Run(); });
}

absl::StatusOr<bool> RunningLearner::Join() {
  thread_.join();
  learner_.intake().EndStreams(absl::UnavailableError("stopped"));
  server_->Stop(absl::Now() + absl::Seconds(1));
  return over_;
}

absl::StatusOr<bool> RunningLearner::StopAndJoin() {
  learner_.Stop();
  return Join();
}

std::unique_ptr<FakeActor> RunningLearner::NewActor(const std::string& name,
                                                    uint64_t incarnation) const {
  auto actor = std::make_unique<FakeActor>(NewChannel(), name, incarnation);
  EXPECT_TRUE(actor->Join(PointSpec()).ok());
  return actor;
}

void TrainAndStop(const RunConfig& config, const std::string& path, uint64_t batches) {
  RunningLearner learner(config, path);
  const auto actor = learner.NewActor("actor-0", 7);
  actor->Open();
  for (uint64_t sequence = 1; sequence <= batches; ++sequence) {
    actor->SendAndWait(MakeTransitions(sequence, 8));
  }
  EXPECT_TRUE(learner.StopAndJoin().ok());
}

}  // namespace armature
