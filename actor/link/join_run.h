// How an actor enters a run: finds the learner, asks it what to open, asks the env
// servers for the spec, and joins with it.
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
  ActorIdentity identity;  // With the run's id.
  EnvSpec spec;
  std::map<std::string, std::string> env_config;
  v1::JoinResponse response;  // To the second Join, checked.
};

// OK; InvalidArgument: names the member of the answer to a second Join that an
// actor cannot work with.
absl::Status CheckJoinResponse(const v1::JoinResponse& response);

struct JoinRunOptions {
  std::string learner_address;
  std::shared_ptr<grpc::Channel> learner;
  ActorIdentity identity;
  // For the learner to answer, and then for any env server. One that is asked already,
  // and may be making the environment, is waited for longer: kEnvAnswerTimeout.
  absl::Duration connect_timeout;
  // Told what is waited for, in one sentence.
  std::function<void(const std::string&)> on_wait;
};
// Blocks. OK; Unavailable: no answer in time; FailedPrecondition, InvalidArgument,
// NotFound, ..: the learner or all env servers refuse; Cancelled: *stopping was set
// (and `signal` notified). Messages are one sentence and name the peer.
absl::StatusOr<JoinedRun> JoinRun(const JoinRunOptions& options, ServerDirectory* directory,
                                  ChannelPool* channels, const std::atomic<bool>* stopping,
                                  WakeSignal* signal);

}  // namespace armature

#endif  // ARMATURE_ACTOR_LINK_JOIN_RUN_H_
