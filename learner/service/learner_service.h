// Implements LearnerService (see proto/learner_service.proto) with gRPC's callback API.
//
// Thread safety: all methods. Owns nothing.
#ifndef ARMATURE_LEARNER_SERVICE_LEARNER_SERVICE_H_
#define ARMATURE_LEARNER_SERVICE_LEARNER_SERVICE_H_

#include "common/sync/wake_signal.h"
#include "grpcpp/support/server_callback.h"
#include "learner/intake/collect_coordinator.h"
#include "learner/intake/experience_intake.h"
#include "learner/service/admission.h"
#include "learner/service/evaluation_scheduler.h"
#include "learner/service/policy_publisher.h"
#include "learner/service/remote_goal_reward.h"
#include "learner/status/status_board.h"
#include "proto/learner_service.grpc.pb.h"

namespace armature {

class LearnerServiceImpl : public v1::LearnerService::CallbackService {
 public:
  struct Parts {
    Admission* admission = nullptr;
    ExperienceIntake* intake = nullptr;
    CollectCoordinator* coordinator = nullptr;
    PolicyPublisher* publisher = nullptr;
    EvaluationScheduler* evaluations = nullptr;
    StatusBoard* status = nullptr;
    WakeSignal* trainer = nullptr;
    RemoteGoalReward* goal_reward = nullptr;  // Null: no hindsight.
  };
  explicit LearnerServiceImpl(const Parts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* Join(grpc::CallbackServerContext* context,
                                 const v1::JoinRequest* request,
                                 v1::JoinResponse* response) override;
  grpc::ServerBidiReactor<v1::ExperienceRequest, v1::ExperienceResponse>* StreamExperience(
      grpc::CallbackServerContext* context) override;
  grpc::ServerWriteReactor<v1::LearnerEvent>* Subscribe(
      grpc::CallbackServerContext* context, const v1::SubscribeRequest* request) override;
  grpc::ServerUnaryReactor* ReportEvaluation(grpc::CallbackServerContext* context,
                                             const v1::EvaluationResult* request,
                                             v1::ReportEvaluationResponse* response) override;
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::StatusRequest* request,
                                      v1::StatusResponse* response) override;

 private:
  const Parts parts_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_SERVICE_LEARNER_SERVICE_H_
