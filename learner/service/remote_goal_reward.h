// Computes the environment's rewards for new goals by asking env servers over gRPC.
//
// Data flow: ReplayStore -> Compute -> EnvService.ComputeReward of one env server.
// The servers are those that actors name when they join, or a fixed list. One server is used until
// it fails, then the next; a failed one is skipped for kRetryPause.
// Bounds: kServersMax addresses. A call takes at most `timeout`, or `first_timeout` if the server
// has not answered since it was last lost, since it may have to create the environment. A call that
// times out ends Compute, so the caller can do other work before trying the next server.
// Thread safety: AddServers and Cancel from any thread; SetEnv, then Compute, from one thread.
#ifndef ARMATURE_LEARNER_SERVICE_REMOTE_GOAL_REWARD_H_
#define ARMATURE_LEARNER_SERVICE_REMOTE_GOAL_REWARD_H_

#include <atomic>
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
#include "common/sync/wake_signal.h"
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
    absl::Duration first_timeout = absl::Seconds(120);  // At least `timeout`.
    // host:port,host:port; empty: use AddServers.
    std::string servers;
  };
  explicit RemoteGoalReward(const Options& options);

  // Adds the addresses that an actor uses. A known address is only made due for retry. Beyond
  // kServersMax the oldest are forgotten. Ignored if Options.servers is set. Returns
  // InvalidArgument, and adds nothing, if one cannot be parsed.
  absl::Status AddServers(const std::vector<std::string>& addresses);

  // Sets the environment, which must have goals.
  void SetEnv(const EnvSpec& env);

  // Returns FailedPrecondition if a server says that the environment has no such rewards (others
  // would too); Unavailable if no server answered (with the last one's reason) or none is known;
  // Cancelled after Cancel.
  absl::StatusOr<Outcome> Compute(const at::Tensor& achieved, const at::Tensor& desired,
                                  const at::Tensor& extra) override;

  // Makes the running and later Compute calls return Cancelled.
  void Cancel();

 private:
  struct Server {
    std::string address;
    absl::Time next_attempt = absl::InfinitePast();
    std::shared_ptr<v1::EnvService::Stub> stub;  // Null: not created yet.
    bool has_environment = false;                // It has answered, and was not lost since.
  };

  v1::ComputeRewardRequest MakeRequest(const at::Tensor& achieved, const at::Tensor& desired,
                                       const at::Tensor& extra) const;
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
  std::vector<FieldSpec> extra_;
  std::deque<Server> servers_;  // The next one to ask is in front.
  std::string last_failure_;

  WakeSignal signal_;  // Of the call under way.
  std::atomic<bool> cancelled_ = false;

  absl::Mutex mutex_;
  std::vector<std::string> new_servers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_SERVICE_REMOTE_GOAL_REWARD_H_
