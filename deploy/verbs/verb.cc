#include "deploy/verbs/verb.h"

#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "common/cli/flags.h"
#include "common/random/rng.h"
#include "common/run_config/parameter_config.h"
#include "common/sync/steady_time.h"
#include "deploy/launcher/programs.h"
#include "deploy/launcher/report/terminal.h"

namespace armature {
namespace {

constexpr uint64_t kSessionStream = 0x5e55;
constexpr uint64_t kDrawStream = 0xd4a3;
constexpr absl::Duration kProgressEvery = absl::Seconds(1);

std::string ProgressLine(absl::Span<const v1::Episode> ended, int64_t episodes) {
  const double sum = std::accumulate(
      ended.begin(), ended.end(), 0.0,
      [](double before, const v1::Episode& episode) { return before + episode.return_sum(); });
  return absl::StrFormat("armature: %d of %d episodes, mean return %.4g", ended.size(), episodes,
                         sum / static_cast<double>(ended.size()));
}

absl::StatusOr<std::vector<std::string>> ServerProgram(const ClusterSection& cluster, bool render) {
  std::string own;
  if (cluster.env_server_command.empty()) {
    absl::StatusOr<std::string> found = FindProgram("envserver");
    if (!found.ok()) return found.status();
    own = *std::move(found);
  }
  auto program = EnvServerProgram(cluster, own);
  // The program draws only if it was told so at startup.
  constexpr char kServe[] = "armature-serve";
  for (size_t i = 0; program.ok() && render && i < program->size(); ++i) {
    if (std::filesystem::path((*program)[i]).filename() != kServe) continue;
    program->insert(program->begin() + static_cast<int64_t>(i) + 1, "--render");
    break;
  }
  return program;
}

}  // namespace

void AddEpisodeFlags(CLI::App& app, EpisodeFlags* flags) {
  app.add_option("--episodes", flags->episodes, "How many to play.")
      ->check(CLI::Range(int64_t{1}, int64_t{1000000}))
      ->capture_default_str();
  app.add_option("--seed", flags->seed,
                 "Of environments and of what is drawn; never one of training's. The same seed "
                 "gives the same episodes.")
      ->check(CLI::Range(int64_t{0}, std::numeric_limits<int64_t>::max()))
      ->capture_default_str();
  app.add_option("--max_steps", flags->max_steps,
                 "Cut episodes after so many steps; they count with what they have. Default: "
                 "evaluation.episode_steps_max where the environment has no time limit.")
      ->check(CLI::Range(int64_t{1}, int64_t{1000000000}));
  app.add_option("--parameter", flags->parameters,
                 "name=value: of the environment, in these episodes; may be given several times. "
                 "Default: evaluation.parameters, else the initial values.")
      ->allow_extra_args(false);
  app.add_option("--env_servers", flags->env_servers,
                 "Play on one that runs already: host:port,host:port | dns:name:port | file:PATH. "
                 "Default: what the configuration's cluster section says, started for this.");
  AddTransportFlags(app, &flags->transport);
}

void AddNumEnvsFlag(CLI::App& app, EpisodeFlags* flags) {
  app.add_option("--num_envs", flags->num_envs,
                 "Environments side by side; the episodes are the same however many.")
      ->check(CLI::Range(int64_t{1}, int64_t{65536}))
      ->capture_default_str();
}

uint64_t SessionSeed(int64_t seed) {
  return Rng({static_cast<uint64_t>(seed), kSessionStream}).Bits();
}

uint64_t DrawSeed(int64_t seed) { return Rng({static_cast<uint64_t>(seed), kDrawStream}).Bits(); }

int64_t EpisodeStepsMax(const EpisodeFlags& flags, const RunConfig& config, const EnvSpec& spec) {
  if (flags.max_steps > 0) return flags.max_steps;
  return spec.horizon > 0 ? 0 : config.evaluation.episode_steps_max;
}

absl::StatusOr<std::map<std::string, double>> EpisodeParameters(const EpisodeFlags& flags,
                                                                const RunConfig& config,
                                                                const EnvSpec& spec) {
  constexpr absl::string_view kFlag = "--parameter";
  constexpr absl::string_view kKey = "evaluation.parameters";
  std::map<std::string, std::string> given;
  for (const std::string& word : flags.parameters) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(kFlag, " ", word, ": expected name=value, e.g. slope=0.2"));
    }
    given[word.substr(0, equals)] = word.substr(equals + 1);
  }
  std::map<std::string, double> values;
  for (const auto& [key, written] :
       {std::pair(kKey, &config.evaluation.parameters), {kFlag, &given}}) {
    const auto read = ReadParameters(*written, key);
    if (!read.ok()) return read.status();
    if (absl::Status status = ParameterValues(spec, *read).status(); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(key, ": ", status.message()));
    }
    for (const auto& [name, value] : *read) values[name] = value;
  }
  return values;
}

Outcome Perform(const RunConfig& config, const EpisodeFlags& flags,
                const Performance& performance) {
  Outcome outcome;
  Stage::Options options;
  options.config = config;
  options.env_servers = flags.env_servers;
  options.transport = flags.transport;
  if (flags.env_servers.empty() && config.cluster.env_servers > 0) {
    auto program = ServerProgram(config.cluster, performance.render);
    if (!program.ok()) {
      outcome.status = program.status();
      return outcome;
    }
    options.env_server_program = *std::move(program);
    ShareRunfiles();
  }
  Terminal terminal(STDERR_FILENO);
  Stage stage(std::move(options), &terminal);
  outcome.status = stage.Run([&](const Stage::Scene& scene) -> absl::Status {
    outcome.spec = scene.spec;
    auto player = performance.make_player(scene.spec);
    if (!player.ok()) return player.status();
    EpisodeSeriesOptions series;
    series.client = performance.verb;
    series.channel = scene.channel;
    series.address = scene.address;
    series.spec = scene.spec;
    series.env_config = config.environment.config;
    auto parameters = EpisodeParameters(flags, config, scene.spec);
    if (!parameters.ok()) return parameters.status();
    series.parameters = outcome.parameters = *std::move(parameters);
    series.seed = SessionSeed(flags.seed);
    series.episodes = flags.episodes;
    series.steps_max = EpisodeStepsMax(flags, config, scene.spec);
    series.num_envs = flags.num_envs;
    series.cancelled = scene.cancelled;
    absl::Time next = SteadyTime() + kProgressEvery;
    series.on_progress = [&](absl::Span<const v1::Episode> ended) {
      if (ended.empty() || SteadyTime() < next) return;
      next = SteadyTime() + kProgressEvery;
      scene.progress(ProgressLine(ended, flags.episodes));
    };
    if (performance.prepare != nullptr) {
      if (absl::Status status = performance.prepare(scene, &series); !status.ok()) return status;
    }
    return PlaySeries(series, player->get(), scene.signal, &outcome.episodes);
  });
  terminal.Clear();
  outcome.signal = absl::IsCancelled(outcome.status) ? stage.signal() : 0;
  return outcome;
}

int Conclude(const std::string& verb, const Outcome& outcome, int64_t episodes_asked) {
  if (outcome.status.ok()) return 0;
  if (outcome.signal == 0) return Refuse(verb, outcome.status);
  std::cerr << verb << ": stopped by signal " << outcome.signal << " after "
            << outcome.episodes.size() << " of " << episodes_asked << " episodes" << std::endl;
  return 128 + outcome.signal;
}

int Refuse(const std::string& verb, const absl::Status& status) {
  std::cerr << verb << ": " << status.message() << std::endl;
  return absl::IsInvalidArgument(status) || absl::IsNotFound(status) ? 2 : 1;
}

}  // namespace armature
