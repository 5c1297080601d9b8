// An actor: joins the run, steps environments with the newest policy, and feeds
// the learner.
//
// Data flow: SessionPool -> Collector -> LearnerLink;
//            SessionPool -> PolicyRunner -> SessionPool.
// One thread, that of Run, owns all of it and waits for one signal; the evaluator
// has its own. Where the learner comes back with other settings, the actor sends what
// it has, takes all of it down and joins anew, as another incarnation.
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
  std::string learner;      // Its address.
  std::string env_servers;  // As ServerDirectory takes it.
  std::string name;         // A legal peer name.
  // Tells this start of the actor from others, whose episodes and exploration it does
  // not repeat (but in a reproducible run).
  uint64_t incarnation = NewIncarnation();
  c10::Device device = c10::Device(c10::kCPU);
  // For the learner, and any env server, to answer at the start.
  absl::Duration connect_timeout = absl::Seconds(60);
  // For the learner, or any env server, to return once lost.
  absl::Duration reconnect_timeout = absl::Minutes(10);
  TransportOptions transport;
};

class Actor {
 public:
  // Acknowledgements of what is left are awaited for so long at the end.
  static constexpr absl::Duration kFlushTimeout = absl::Seconds(2);

  Actor(const ActorOptions& options, ActorMetrics* metrics);

  // Blocks until the run is over or Stop is called. `on_ready` is given one line
  // when the first observations are there.
  // OK; InvalidArgument: options.env_servers; others: as JoinRun, or a peer was
  // away for reconnect_timeout, or refuses. One sentence that names the peer.
  absl::Status Run(const std::function<void(const std::string&)>& on_ready);

  // Ends Run in good order, within kFlushTimeout and a little.
  void Stop();

  // What has kept the actor from doing anything for long, or that it stops; else empty.
  std::string Problem() const {
    return stopping_.load() ? "the actor stops" : health_.Problem(SteadyTime());
  }

 private:
  // From Join until the run is over, the actor is stopped or the learner has other
  // settings; then these, else "".
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
