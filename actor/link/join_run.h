// Joins an actor to a run: asks the learner which environment to open, gets its spec from the env
// servers, and joins with it.
#ifndef ARMATURE_ACTOR_LINK_JOIN_RUN_H_
#define ARMATURE_ACTOR_LINK_JOIN_RUN_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "actor/status/actor_identity.h"
#include "common/env_client/server_directory.h"
#include "common/rpc_client/channel_pool.h"
#include "common/spec/env_spec.h"
#include "common/sync/wake_signal.h"
#include "grpcpp/channel.h"
#include "proto/learner_service.pb.h"

namespace armature {

struct JoinedRun {
  ActorIdentity identity;  // Includes the run's id.
  EnvSpec spec;
  std::map<std::string, std::string> env_config;
  v1::JoinResponse response;  // To the second Join, checked.
};

// Returns InvalidArgument naming a member of the answer to a second Join that an actor cannot work
// with.
absl::Status CheckJoinResponse(const v1::JoinResponse& response);

struct JoinRunOptions {
  std::string learner_address;
  std::shared_ptr<grpc::Channel> learner;
  ActorIdentity identity;
  // How long to wait for the learner, and then for any env server. A server that has been asked
  // already may be creating the environment, so it gets kEnvAnswerTimeout.
  absl::Duration connect_timeout;
  // Called with one sentence on what is awaited.
  std::function<void(const std::string&)> on_wait;
};
// Blocks. Returns Unavailable if there is no answer in time; FailedPrecondition, InvalidArgument,
// NotFound, ... if the learner or all env servers refuse; Cancelled if *stopping is set (notify
// `signal` too). The message is one sentence that names the peer.
absl::StatusOr<JoinedRun> JoinRun(const JoinRunOptions& options, ServerDirectory* directory,
                                  ChannelPool* channels, const std::atomic<bool>* stopping,
                                  WakeSignal* signal);

}  // namespace armature

#endif  // ARMATURE_ACTOR_LINK_JOIN_RUN_H_
