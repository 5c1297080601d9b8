// Builds a learner from its parts, except for its ports.
//
// Thread safety: gRPC's threads use services(); one thread uses trainer(); Stop from any thread.
#ifndef ARMATURE_LEARNER_LEARNER_H_
#define ARMATURE_LEARNER_LEARNER_H_

#include <memory>
#include <vector>

#include "c10/core/Device.h"
#include "common/rpc/transport.h"
#include "common/run_config/run_config.h"
#include "common/sync/wake_signal.h"
#include "learner/intake/experience_intake.h"
#include "learner/replicas/replicas.h"
#include "learner/run/run_directory.h"
#include "learner/service/admission.h"
#include "learner/service/evaluation_scheduler.h"
#include "learner/service/learner_service.h"
#include "learner/service/policy_publisher.h"
#include "learner/service/remote_goal_reward.h"
#include "learner/status/learner_metrics.h"
#include "learner/status/status_board.h"
#include "learner/training/collection_mode.h"
#include "learner/training/core_factory.h"
#include "learner/training/trainer.h"

namespace armature {

class Learner {
 public:
  // `config` must be valid. `transport` is for calls to env servers. `directory` and `metrics` must
  // outlive the learner.
  Learner(const RunConfig& config, const ReplicaRole& role, const TransportOptions& transport,
          RunDirectory* directory, LearnerMetrics* metrics, c10::Device device);

  // For Restore and Run. Stop ends it.
  Trainer& trainer() { return trainer_; }
  // Ends Trainer::Run and all its waits.
  void Stop();
  // Returns LearnerService and, in replica 0 of several, ReplicaService.
  std::vector<grpc::Service*> services();
  ExperienceIntake& intake() { return intake_; }
  const StatusBoard& status() const { return status_; }

 private:
  WakeSignal wake_;
  StatusBoard status_;
  EvaluationScheduler evaluations_;
  std::unique_ptr<CollectionMode> mode_;
  ExperienceIntake intake_;
  PolicyPublisher publisher_;
  Replicas replicas_;
  Admission admission_;
  std::unique_ptr<RemoteGoalReward> goal_reward_;  // Null without hindsight.
  CoreFactory cores_;
  LearnerServiceImpl service_;
  Trainer trainer_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_LEARNER_H_
