#include "learner/testing/fake_reward_server.h"

#include <utility>

#include "absl/time/clock.h"
#include "common/tensor/packed.h"

namespace armature {

grpc::Status FakeRewardServer::Difference(const v1::ComputeRewardRequest& request,
                                          v1::ComputeRewardResponse* response) {
  const int64_t n = request.achieved_goal().shape(0);
  const int64_t size = request.achieved_goal().shape(1);
  const auto achieved = TensorValues<float>(request.achieved_goal());
  const auto desired = TensorValues<float>(request.desired_goal());
  float* const reward = ResizeTensor<float>({n}, response->mutable_reward());
  uint8_t* const terminated = ResizeTensor<uint8_t>({n}, response->mutable_terminated());
  for (int64_t i = 0; i < n; ++i) {
    reward[i] = achieved[size * i] - desired[size * i];
    terminated[i] = reward[i] == 0;
  }
  return grpc::Status::OK;
}

FakeRewardServer::FakeRewardServer(Answer answer, int port)
    : answer_(std::move(answer)), server_({this}, port) {}

grpc::Status FakeRewardServer::ComputeReward(grpc::ServerContext* context,
                                             const v1::ComputeRewardRequest* request,
                                             v1::ComputeRewardResponse* response) {
  context_ = context;
  last_request_ = *request;
  time_given_ = absl::FromChrono(context->deadline()) - absl::Now();
  ++calls_;
  return answer_(*request, response);
}

}  // namespace armature
