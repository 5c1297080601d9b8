#include "learner/service/learner_service.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/rpc/transport.h"
#include "common/sync/steady_time.h"
#include "learner/service/experience_reactor.h"
#include "learner/service/subscription_reactor.h"
#include "spdlog/spdlog.h"

namespace armature {

grpc::ServerUnaryReactor* LearnerServiceImpl::Join(grpc::CallbackServerContext* context,
                                                   const v1::JoinRequest* request,
                                                   v1::JoinResponse* response) {
  absl::StatusOr<v1::JoinResponse> answer = parts_.admission->Join(*request);
  if (answer.ok() && parts_.goal_reward != nullptr) {
    const absl::Status added = parts_.goal_reward->AddServers(
        {request->env_servers().begin(), request->env_servers().end()});
    if (!added.ok()) answer = added;
    parts_.trainer->Notify();
  }
  if (answer.ok()) {
    *response = *std::move(answer);
  } else {
    spdlog::warn("refused to let {} join: {}", context->peer(),
                 std::string(answer.status().message()));
  }
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpc(answer.status()));
  return reactor;
}

grpc::ServerBidiReactor<v1::ExperienceRequest, v1::ExperienceResponse>*
LearnerServiceImpl::StreamExperience(grpc::CallbackServerContext*) {
  return ExperienceReactor::Start(parts_.admission, parts_.intake, parts_.coordinator,
                                  parts_.evaluations);
}

grpc::ServerWriteReactor<v1::LearnerEvent>* LearnerServiceImpl::Subscribe(
    grpc::CallbackServerContext*, const v1::SubscribeRequest* request) {
  return SubscriptionReactor::Start(*request, parts_.admission->CheckJoined(request->handshake()),
                                    parts_.publisher, parts_.evaluations, parts_.trainer);
}

grpc::ServerUnaryReactor* LearnerServiceImpl::ReportEvaluation(grpc::CallbackServerContext* context,
                                                               const v1::EvaluationResult* request,
                                                               v1::ReportEvaluationResponse*) {
  absl::Status status = parts_.admission->CheckJoined(request->handshake());
  if (status.ok()) status = parts_.evaluations->Report(*request, SteadyTime());
  parts_.trainer->Notify();
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpc(status));
  return reactor;
}

grpc::ServerUnaryReactor* LearnerServiceImpl::GetStatus(grpc::CallbackServerContext* context,
                                                        const v1::StatusRequest*,
                                                        v1::StatusResponse* response) {
  *response = parts_.status->Get();
  response->set_actors_connected(static_cast<uint32_t>(parts_.intake->streams()));
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace armature
