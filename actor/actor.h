// An actor: joins the run, steps environments with the newest policy, and sends experience to the
// learner.
//
// Data flow: SessionPool -> Collector -> LearnerLink;
//            SessionPool -> PolicyRunner -> SessionPool.
// The thread in Run owns everything and waits for one signal; the evaluator has its own thread. If
// the learner comes back with other settings, the actor sends what it has, tears everything down
// and joins again as a new incarnation.
// Thread safety: Stop and Problem from any thread.
// Call order: Run once.
#ifndef ARMATURE_ACTOR_ACTOR_H_
#define ARMATURE_ACTOR_ACTOR_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "actor/link/join_run.h"
#include "actor/status/actor_metrics.h"
#include "actor/status/health_board.h"
#include "c10/core/Device.h"
#include "common/env_client/server_directory.h"
#include "common/rpc/protocol.h"
#include "common/rpc/transport.h"
#include "common/rpc_client/channel_pool.h"
#include "common/sync/steady_time.h"
#include "common/sync/wake_signal.h"
#include "grpcpp/channel.h"

namespace armature {

struct ActorOptions {
  std::string learner;      // Address of the learner.
  std::string env_servers;  // A list for ServerDirectory.
  std::string name;         // Must be a valid peer name.
  // Identifies this start of the actor, so that it does not repeat the episodes and exploration of
  // earlier starts (except in a reproducible run).
  uint64_t incarnation = NewIncarnation();
  c10::Device device = c10::Device(c10::kCPU);
  // At startup: how long to wait for the learner, and for any env server.
  absl::Duration connect_timeout = absl::Seconds(60);
  // Later: how long to wait for a lost learner, or for any env server.
  absl::Duration reconnect_timeout = absl::Minutes(10);
  TransportOptions transport;
};

class Actor {
 public:
  // How long to wait for final acknowledgements at the end.
  static constexpr absl::Duration kFlushTimeout = absl::Seconds(2);

  Actor(const ActorOptions& options, ActorMetrics* metrics);

  // Blocks until the run is over or Stop is called. Calls `on_ready` with one line once the first
  // observations are there.
  // Returns InvalidArgument for a bad options.env_servers; JoinRun's errors; an error if a peer was
  // away for reconnect_timeout, or refuses. The message is one sentence that names the peer.
  absl::Status Run(const std::function<void(const std::string&)>& on_ready);

  // Makes Run finish cleanly, in little more than kFlushTimeout.
  void Stop();

  // Why the actor has done nothing for long, or that it is stopping; else empty.
  std::string Problem() const {
    return stopping_.load() ? "the actor stops" : health_.Problem(SteadyTime());
  }

 private:
  // Works from Join until the run is over, the actor is stopped, or the learner has other settings.
  // Returns the settings change, else "".
  absl::StatusOr<std::string> Live(const JoinedRun& run,
                                   const std::shared_ptr<grpc::Channel>& learner,
                                   ServerDirectory* directory, ChannelPool* channels,
                                   const std::function<void(const std::string&)>& on_ready);

  const ActorOptions options_;
  ActorMetrics* const metrics_;
  HealthBoard health_;
  WakeSignal signal_;
  std::atomic<bool> stopping_{false};
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_ACTOR_H_
