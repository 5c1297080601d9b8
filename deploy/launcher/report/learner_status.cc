#include "deploy/launcher/report/learner_status.h"

#include "common/rpc_client/unary_call.h"
#include "proto/learner_service.grpc.pb.h"

namespace armature {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(2);

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
  const auto stub = v1::LearnerService::NewStub(channel);
  StartUnaryCall<v1::StatusRequest, v1::StatusResponse>(
      stub.get(), &v1::LearnerService::Stub::async_interface::GetStatus, {}, kTimeout,
      std::move(on_status));
}

}  // namespace armature
