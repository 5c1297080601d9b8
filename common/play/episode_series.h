// Plays numbered episodes of an environment on one env server.
//
// Episode e is the first episode of slot e, whatever num_envs is. The episodes are split into
// consecutive sessions of num_envs slots; each slot counts for one episode. So episode number and
// seed alone determine an episode.
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
#include "common/play/onlooker.h"
#include "common/play/slot_player.h"
#include "common/spec/env_spec.h"
#include "common/sync/wake_signal.h"
#include "grpcpp/channel.h"
#include "proto/learner_service.pb.h"

namespace armature {

struct EpisodeSeriesOptions {
  std::string client;  // This process's name for the server (the handshake's peer_name).
  std::shared_ptr<grpc::Channel> channel;
  std::string address;
  EnvSpec spec;
  std::map<std::string, std::string> env_config;
  // Of every episode; those not named have their initial values. Must fit the spec.
  std::map<std::string, double> parameters;
  uint64_t seed = 0;
  int64_t episodes = 1;
  int64_t num_envs = 1;   // Environments at the same time.
  int64_t steps_max = 0;  // Longer episodes are cut; 0: never.

  // Returns true to give up; called after every wait.
  std::function<bool()> cancelled;
  // If set: called when an episode has ended, with all that have ended so far.
  std::function<void(absl::Span<const v1::Episode> ended)> on_progress;
  // If set: called for each answered step with its actions ([n, A], in the environment's units),
  // and for the last step of a session with no actions.
  std::function<void(const DecodedStep& step, absl::Span<const float> actions)> on_step;
  // Sees each step before it is answered, the last one of each session too.
  Onlooker* onlooker = &Onlooker::Nobody();
};

// Plays the series. Notifying `signal` makes a wait check `cancelled`. `*episodes` is in order of
// episode number; after an error it holds the episodes that had ended.
// Returns Cancelled; Unavailable if the server refused or ended a session, or replaced more
// simulators than there are episodes; errors of the player and of the onlooker.
absl::Status PlaySeries(const EpisodeSeriesOptions& options, SlotPlayer* player, WakeSignal* signal,
                        std::vector<v1::Episode>* episodes);

}  // namespace armature

#endif  // ARMATURE_COMMON_PLAY_EPISODE_SERIES_H_
