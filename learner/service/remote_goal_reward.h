// The environment's own rewards for new goals, asked of the env servers over gRPC.
//
// Data flow: ReplayStore -> Compute -> EnvService.ComputeReward of one env server.
// Servers are those that the actors name when they join, or a fixed list. One is
// asked until it fails; then the next. One that failed is left alone for kRetryPause.
// Bounds: kServersMax addresses; a call takes `timeout` at most, or `first_timeout` where
// the server has not answered since it was lost, for it may have to make the environment. One that
// ran out of time ends Compute, so that the caller can do other work before the next server. Thread
// safety: AddServers and Cancel from any thread; SetEnv, then Compute from one.
#ifndef ARMATURE_LEARNER_SERVICE_REMOTE_GOAL_REWARD_H_
#define ARMATURE_LEARNER_SERVICE_REMOTE_GOAL_REWARD_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/rpc/transport.h"
#include "common/spec/env_spec.h"
#include "grpcpp/client_context.h"
#include "learner/replay/goal_reward.h"
#include "proto/env_service.grpc.pb.h"

namespace armature {

class RemoteGoalReward : public GoalReward {
 public:
  static constexpr size_t kServersMax = 1000;
  static constexpr absl::Duration kRetryPause = absl::Seconds(1);

  struct Options {
    std::map<std::string, std::string> env_config;
    TransportOptions transport;
    absl::Duration timeout = absl::Seconds(5);
    absl::Duration first_timeout = absl::Seconds(120);  // `timeout`, where that is longer.
    // host:port,host:port; empty: those of AddServers.
    std::string servers;
  };
  explicit RemoteGoalReward(const Options& options);

  // Addresses that an actor uses; known ones change nothing, beyond kServersMax the
  // oldest are forgotten. Without effect where Options.servers is set.
  // OK; InvalidArgument: one is no address; none is taken then.
  absl::Status AddServers(const std::vector<std::string>& addresses);

  // Whose goals they are; it has some.
  void SetEnv(const EnvSpec& env);

  // OK; FailedPrecondition: a server says that the environment has no such rewards, as
  // every other one would; Unavailable: no server has answered (the last one's reason),
  // or none is known; Cancelled.
  absl::StatusOr<Outcome> Compute(const at::Tensor& achieved, const at::Tensor& desired) override;

  // Ends a Compute under way and every later one.
  void Cancel();

 private:
  struct Server {
    std::string address;
    absl::Time next_attempt = absl::InfinitePast();
    std::shared_ptr<v1::EnvService::Stub> stub;  // Null: not made yet.
    bool has_environment = false;                // It has answered, and was not lost since.
  };

  v1::ComputeRewardRequest MakeRequest(const at::Tensor& achieved, const at::Tensor& desired) const;
  // Asks one server and checks its answer.
  absl::StatusOr<v1::ComputeRewardResponse> Ask(Server* server,
                                                const v1::ComputeRewardRequest& request);
  absl::StatusOr<v1::ComputeRewardResponse> Call(v1::EnvService::Stub* stub,
                                                 const v1::ComputeRewardRequest& request,
                                                 absl::Duration timeout);
  void TakeNewServers();

  const Options options_;
  std::string env_id_;
  std::vector<int64_t> goal_shape_;
  std::deque<Server> servers_;  // The one that is asked first in front.
  std::string last_failure_;

  absl::Mutex mutex_;
  std::vector<std::string> new_servers_ ABSL_GUARDED_BY(mutex_);
  grpc::ClientContext* calling_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_SERVICE_REMOTE_GOAL_REWARD_H_
