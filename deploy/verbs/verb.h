// Shared by eval, play and random: flags, running episodes on an env server, and reporting the end.
//
// Thread safety: main thread only.
#ifndef ARMATURE_DEPLOY_VERBS_VERB_H_
#define ARMATURE_DEPLOY_VERBS_VERB_H_

#include <cstdint>
#include <functional>
#include <map>
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
  int64_t max_steps = 0;                // 0: from the configuration, see EpisodeStepsMax.
  std::vector<std::string> parameters;  // name=value
  std::string env_servers;
  TransportOptions transport;
};
// Adds --episodes, --seed, --max_steps, --parameter, --env_servers and the security flags, but not
// --num_envs.
void AddEpisodeFlags(CLI::App& app, EpisodeFlags* flags);
void AddNumEnvsFlag(CLI::App& app, EpisodeFlags* flags);

// Seeds for the sessions, and for sampling from the policy. They differ from each other and from
// every training seed.
uint64_t SessionSeed(int64_t seed);
uint64_t DrawSeed(int64_t seed);

// Returns the number of steps after which an episode is cut, 0: never. From --max_steps, else
// evaluation.episode_steps_max if the environment has no time limit.
int64_t EpisodeStepsMax(const EpisodeFlags& flags, const RunConfig& config, const EnvSpec& spec);

// Returns the environment's parameters for the episodes: evaluation.parameters, and over them
// --parameter. Those not named have their initial values.
// Returns InvalidArgument if one has no such form, is no number, or the environment has no such
// parameter or limit; the message names the key or flag, and the parameter.
absl::StatusOr<std::map<std::string, double>> EpisodeParameters(const EpisodeFlags& flags,
                                                                const RunConfig& config,
                                                                const EnvSpec& spec);

// What a verb does in the environment.
struct Performance {
  std::string verb;  // Names this process to the env server.
  std::function<absl::StatusOr<std::unique_ptr<SlotPlayer>>(const EnvSpec& spec)> make_player;
  // Both optional: `prepare` is called before the first episode, to set on_step and on_frame;
  // `render` asks for pictures from a program that draws only on request.
  std::function<absl::Status(const Stage::Scene& scene, EpisodeSeriesOptions* options)> prepare;
  bool render = false;
};

struct Outcome {
  absl::Status status;
  int signal = 0;  // The signal that ended it early.
  EnvSpec spec;
  std::map<std::string, double> parameters;  // See EpisodeParameters.
  std::vector<v1::Episode> episodes;         // Those that ended.
};

// Plays `flags.episodes` episodes of the environment in `config`. Progress and the env server's
// complaints go to stderr.
Outcome Perform(const RunConfig& config, const EpisodeFlags& flags, const Performance& performance);

// Reports an error, if any, in one line on stderr: "VERB: ...". Returns the exit status: 0; 2 for a
// user error; 1 for a failure; 128 + n for signal n.
int Conclude(const std::string& verb, const Outcome& outcome, int64_t episodes_asked);
int Refuse(const std::string& verb, const absl::Status& status);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_VERBS_VERB_H_
