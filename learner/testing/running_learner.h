// Runs a learner, or one replica, like one process would: gRPC on loopback, a real run directory.
//
// Thread safety: compatible.
#ifndef ARMATURE_LEARNER_TESTING_RUNNING_LEARNER_H_
#define ARMATURE_LEARNER_TESTING_RUNNING_LEARNER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "common/metrics/metrics.h"
#include "common/rpc/testing/loopback_server.h"
#include "common/run_config/run_config.h"
#include "grpcpp/channel.h"
#include "learner/learner.h"
#include "learner/replicas/replicas.h"
#include "learner/run/run_directory.h"
#include "learner/status/learner_metrics.h"
#include "learner/testing/fake_actor.h"

namespace armature {

class RunningLearner {
 public:
  // kResumeHeld: the trainer does not run until Start.
  enum class Begin { kNew, kResume, kResumeHeld };

  RunningLearner(const RunConfig& config, const std::string& path, Begin begin = Begin::kNew,
                 const ReplicaRole& role = ReplicaRole());
  ~RunningLearner();

  void Start();
  // Waits for the end; returns whether the run was over by itself.
  absl::StatusOr<bool> Join();
  absl::StatusOr<bool> StopAndJoin();

  std::string address() const { return server_->address(); }
  std::shared_ptr<grpc::Channel> NewChannel() const { return server_->NewChannel(); }
  // An actor that has joined with PointSpec.
  std::unique_ptr<FakeActor> NewActor(const std::string& name, uint64_t incarnation) const;
  std::string path(const std::string& file) const { return directory_->path() + "/" + file; }
  const LearnerMetrics& metrics() const { return metrics_; }

 private:
  std::unique_ptr<RunDirectory> directory_;
  MetricsRegistry registry_{"learner"};
  LearnerMetrics metrics_{&registry_};
  Learner learner_;
  // A socket, since TSan cannot follow how in-process channels pass memory.
  std::optional<LoopbackServer> server_;
  std::thread thread_;
  absl::StatusOr<bool> over_ = false;
};

// A process's life: an actor sends so many batches of 8 transitions, then it is stopped.
void TrainAndStop(const RunConfig& config, const std::string& path, uint64_t batches);

}  // namespace armature

#endif  // ARMATURE_LEARNER_TESTING_RUNNING_LEARNER_H_
