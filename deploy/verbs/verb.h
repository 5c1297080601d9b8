// What eval, play and random have in common: flags, the way to an env server, and
// how an end is told.
//
// Thread safety: on the main thread.
#ifndef ARMATURE_DEPLOY_VERBS_VERB_H_
#define ARMATURE_DEPLOY_VERBS_VERB_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/play/episode_series.h"
#include "common/play/slot_player.h"
#include "common/rpc/transport.h"
#include "common/run_config/run_config.h"
#include "common/spec/env_spec.h"
#include "deploy/verbs/stage.h"
#include "proto/learner_service.pb.h"

namespace armature {

struct EpisodeFlags {
  int64_t episodes = 1;
  int64_t seed = 1;
  int64_t num_envs = 1;
  int64_t max_steps = 0;  // 0: as the configuration says, see EpisodeStepsMax.
  std::string env_servers;
  TransportOptions transport;
};
// --episodes, --seed, --max_steps, --env_servers and security; --num_envs apart.
void AddEpisodeFlags(CLI::App& app, EpisodeFlags* flags);
void AddNumEnvsFlag(CLI::App& app, EpisodeFlags* flags);

// Seeds of the sessions, and of what a policy draws: apart from each other and from
// every seed that training has.
uint64_t SessionSeed(int64_t seed);
uint64_t DrawSeed(int64_t seed);

// After how many steps an episode is cut, 0: never: what --max_steps says, else
// evaluation.episode_steps_max where the environment has no time limit of its own.
int64_t EpisodeStepsMax(const EpisodeFlags& flags, const RunConfig& config, const EnvSpec& spec);

// What is done with an environment that answers.
struct Performance {
  std::string verb;  // Names this process to the env server.
  std::function<absl::StatusOr<std::unique_ptr<SlotPlayer>>(const EnvSpec& spec)> make_player;
  // Both optional: before the first episode, to set on_step and on_frame; whether to
  // ask for pictures of a program that draws only when told.
  std::function<absl::Status(const Stage::Scene& scene, EpisodeSeriesOptions* options)> prepare;
  bool render = false;
};

struct Outcome {
  absl::Status status;
  int signal = 0;  // That cut it short.
  EnvSpec spec;
  std::vector<v1::Episode> episodes;  // Those that ended.
};

// Plays `flags.episodes` of the environment that `config` names; progress and what
// the env server complains of go to stderr.
Outcome Perform(const RunConfig& config, const EpisodeFlags& flags, const Performance& performance);

// Tells what went wrong, if anything did, in one line on stderr: "VERB: ...".
// Returns the exit status: 0; 2 for what the user wrote, 1 for what failed, 128 + n
// for signal n.
int Conclude(const std::string& verb, const Outcome& outcome, int64_t episodes_asked);
int Refuse(const std::string& verb, const absl::Status& status);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_VERBS_VERB_H_
