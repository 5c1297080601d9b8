// An env server that implements only ComputeReward.
//
// Thread safety: compatible; answers come from gRPC's threads.
#ifndef ARMATURE_LEARNER_TESTING_FAKE_REWARD_SERVER_H_
#define ARMATURE_LEARNER_TESTING_FAKE_REWARD_SERVER_H_

#include <atomic>
#include <functional>
#include <string>

#include "absl/time/time.h"
#include "common/rpc/testing/loopback_server.h"
#include "proto/env_service.grpc.pb.h"

namespace armature {

class FakeRewardServer : public v1::EnvService::Service {
 public:
  using Answer =
      std::function<grpc::Status(const v1::ComputeRewardRequest&, v1::ComputeRewardResponse*)>;

  // Goals [n, g]. Reward: achieved - desired of the first component; terminated where that is 0.
  static grpc::Status Difference(const v1::ComputeRewardRequest& request,
                                 v1::ComputeRewardResponse* response);

  // `port` 0: any free port.
  explicit FakeRewardServer(Answer answer = Difference, int port = 0);

  grpc::Status ComputeReward(grpc::ServerContext* context, const v1::ComputeRewardRequest* request,
                             v1::ComputeRewardResponse* response) override;

  std::string address() const { return server_.address(); }
  int port() const { return server_.port(); }
  int calls() const { return calls_; }
  v1::ComputeRewardRequest last_request() const { return last_request_; }
  // Timeout of the last call.
  absl::Duration time_given() const { return time_given_; }
  // Whether the caller has given up the current call.
  bool abandoned() const { return context_.load()->IsCancelled(); }

 private:
  const Answer answer_;
  std::atomic<int> calls_{0};
  v1::ComputeRewardRequest last_request_;
  absl::Duration time_given_;
  std::atomic<grpc::ServerContext*> context_{nullptr};
  LoopbackServer server_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TESTING_FAKE_REWARD_SERVER_H_
