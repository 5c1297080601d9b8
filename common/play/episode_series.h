// Plays numbered episodes of an environment on one env server.
//
// Episode e is the first one of slot e, whatever num_envs is: the episodes are cut
// into sessions of num_envs slots, one after the other, and each slot counts for
// one episode. So the same seed gives the same episodes, by number.
// Data flow: EnvSession -> SlotPlayer -> EnvSession; EvaluationTally -> the result.
// Thread safety: belongs to one thread.
#ifndef ARMATURE_COMMON_PLAY_EPISODE_SERIES_H_
#define ARMATURE_COMMON_PLAY_EPISODE_SERIES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/env_client/step_decoder.h"
#include "common/play/slot_player.h"
#include "common/spec/env_spec.h"
#include "common/sync/wake_signal.h"
#include "grpcpp/channel.h"
#include "proto/env_service.pb.h"
#include "proto/learner_service.pb.h"

namespace armature {

struct EpisodeSeriesOptions {
  std::string client;  // Names this process to the server, as a handshake's peer.
  std::shared_ptr<grpc::Channel> channel;
  std::string address;
  EnvSpec spec;
  std::map<std::string, std::string> env_config;
  uint64_t seed = 0;
  int64_t episodes = 1;
  int64_t num_envs = 1;   // At once.
  int64_t steps_max = 0;  // After which an episode is cut; 0: never.

  // Whether to give up; asked after every wait.
  std::function<bool()> cancelled;
  // If set: whenever an episode has ended, with all that have.
  std::function<void(absl::Span<const v1::Episode> ended)> on_progress;
  // If set: each step that was answered, with its actions [n, A] in the
  // environment's units, and the last one of a session, with none.
  std::function<void(const DecodedStep& step, absl::Span<const float> actions)> on_step;
  // If set: pictures of slot 0, one before each of its actions.
  std::function<absl::Status(const v1::Frame& frame)> on_frame;
};

// `signal` wakes it to ask `cancelled`. `*episodes` are in the order of their
// numbers; after an error, those that had ended.
// OK; Cancelled; Unavailable: the server refused or ended a session, or replaced
// more simulators than there are episodes; what the player or on_frame returned.
absl::Status PlaySeries(const EpisodeSeriesOptions& options, SlotPlayer* player, WakeSignal* signal,
                        std::vector<v1::Episode>* episodes);

}  // namespace armature

#endif  // ARMATURE_COMMON_PLAY_EPISODE_SERIES_H_
