#include "deploy/launcher/report/learner_status.h"

#include <chrono>

#include "proto/learner_service.grpc.pb.h"

namespace armature {
namespace {

constexpr std::chrono::seconds kDeadline(2);

// The data of one call, until it is over.
struct StatusCall {
  std::unique_ptr<v1::LearnerService::Stub> stub;
  grpc::ClientContext context;
  v1::StatusRequest request;
  v1::StatusResponse response;
};

}  // namespace

void LearnerStatus::Ask(const std::string& address, OnStatus on_status) {
  std::shared_ptr<grpc::Channel>& channel = channels_[address];
  if (channel == nullptr) {
    absl::StatusOr<std::shared_ptr<grpc::Channel>> made = MakeChannel(address, transport_);
    if (!made.ok()) {
      on_status(made.status());
      return;
    }
    channel = *std::move(made);
  }
  auto call = std::make_shared<StatusCall>();
  call->stub = v1::LearnerService::NewStub(channel);
  call->context.set_deadline(std::chrono::system_clock::now() + kDeadline);
  // The callback keeps the call alive until it has run.
  call->stub->async()->GetStatus(&call->context, &call->request, &call->response,
                                 [call, on_status = std::move(on_status)](grpc::Status status) {
                                   if (status.ok()) {
                                     on_status(std::move(call->response));
                                   } else {
                                     on_status(FromGrpc(status));
                                   }
                                 });
}

}  // namespace armature
