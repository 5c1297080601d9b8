// Implements EnvService (proto/env_service.proto) on gRPC's callback API. No call blocks a gRPC
// thread; environments are created and run only on the StepPool.
//
// Data flow: Rollout -> RolloutReactor -> Session -> VectorEnv -> StepPool; the slot's thread ->
// SlotView -> Viewer -> WatchReactor -> Watch.
// Thread safety: all methods.
// Bounds: `slots_total` limits sessions, kViewersMax viewers; kCallsMax limits concurrent other
// calls (ResourceExhausted beyond it).
#ifndef ARMATURE_ENVSERVER_SERVICE_ENV_SERVICE_H_
#define ARMATURE_ENVSERVER_SERVICE_ENV_SERVICE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/metrics/metrics.h"
#include "envserver/env/env_registry.h"
#include "envserver/service/deadline_timer.h"
#include "envserver/service/env_service_metrics.h"
#include "envserver/service/reward_envs.h"
#include "envserver/service/session.h"
#include "envserver/service/session_table.h"
#include "envserver/slots/step_pool.h"
#include "proto/env_service.grpc.pb.h"

namespace armature {

struct EnvServiceOptions {
  std::string server_name = "envserver";  // Peer name in handshakes; see proto/handshake.proto.
  int64_t slots_total = 1024;
  absl::Duration lease = absl::Seconds(30);
  int64_t abandoned_max = 16;  // See VectorEnvOptions.
};

class EnvService : public v1::EnvService::CallbackService {
 public:
  static constexpr int kCallsMax = 256;

  // `registry`, `pool` (with every call that hangs in it), `timer` and `metrics_registry` must
  // outlive this.
  EnvService(const EnvServiceOptions& options, const EnvRegistry* registry, StepPool* pool,
             DeadlineTimer* timer, MetricsRegistry* metrics_registry);
  ~EnvService() override;

  // Ends every session with Unavailable and refuses new ones. Call it before
  // grpc::Server::Shutdown, which waits for the streams.
  void EndSessions();

  grpc::ServerUnaryReactor* Describe(grpc::CallbackServerContext* call,
                                     const v1::DescribeRequest* request,
                                     v1::DescribeResponse* response) override;
  grpc::ServerBidiReactor<v1::RolloutRequest, v1::RolloutResponse>* Rollout(
      grpc::CallbackServerContext* call) override;
  grpc::ServerWriteReactor<v1::WatchResponse>* Watch(grpc::CallbackServerContext* call,
                                                     const v1::WatchRequest* request) override;
  grpc::ServerUnaryReactor* ComputeReward(grpc::CallbackServerContext* call,
                                          const v1::ComputeRewardRequest* request,
                                          v1::ComputeRewardResponse* response) override;

 private:
  // Runs `compute` on the pool, then finishes the call with its result.
  template <typename Response>
  grpc::ServerUnaryReactor* Call(grpc::CallbackServerContext* call, const std::string& env_id,
                                 std::function<absl::StatusOr<Response>()> compute,
                                 Response* response);
  absl::Status Refusal(const std::string& env_id, const absl::Status& status);

  EnvServiceMetrics metrics_;
  SessionTable table_;
  const SessionContext context_;
  const std::shared_ptr<RewardEnvs> reward_envs_;  // Shared with calls that may hang.
  std::atomic<int> calls_{0};
  std::atomic<int> viewers_{0};
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SERVICE_ENV_SERVICE_H_
