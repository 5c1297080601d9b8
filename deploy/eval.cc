// `bazel run //deploy:eval -- RUN`: how good a run's policy is.
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>

#include "common/cli/flags.h"
#include "common/cli/how_started.h"
#include "common/cli/open_files.h"
#include "common/files/atomic_file.h"
#include "common/files/files.h"
#include "deploy/verbs/former_file.h"
#include "deploy/verbs/statistics.h"
#include "deploy/verbs/trained/policy_player.h"
#include "deploy/verbs/trained/trained_run.h"
#include "deploy/verbs/verb.h"

namespace armature {
namespace {

struct Flags {
  TrainedRunFlags run;
  std::string output;
  EpisodeFlags episodes;
};

void AddFlags(CLI::App& app, Flags* flags) {
  AddTrainedRunFlags(app, &flags->run);
  app.add_option("--output", flags->output, "Default: evaluation.json in the run's directory.");
  flags->episodes.episodes = 100;
  flags->episodes.num_envs = 10;
  AddEpisodeFlags(app, &flags->episodes);
  AddNumEnvsFlag(app, &flags->episodes);
  AddExamples(app, HowStarted("eval"),
              {"panda_reach_sac --episodes 100", "outputs/panda_reach_sac/DATE-TIME --model best"});
}

nlohmann::ordered_json Report(const TrainedRun& run, const Flags& flags, const Outcome& outcome) {
  nlohmann::ordered_json json;
  json["run_id"] = run.policy.run_id;
  json["model"] = std::filesystem::path(run.model_path).filename().string();
  json["policy_version"] = run.policy.weights.version();
  json["env_steps"] = run.policy.weights.env_steps();
  json["environment"] = outcome.spec.id;
  json["environment_config"] = run.config.environment.config;
  json["parameters"] = outcome.parameters;
  json["seed"] = flags.episodes.seed;
  json["deterministic"] = !flags.run.stochastic;
  json.update(StatisticsJson(outcome.spec, outcome.episodes));
  return json;
}

int Main(int argc, char** argv) {
  RaiseOpenFilesLimit();
  CLI::App app(
      "Plays a run's policy and says how good it is: mean, deviation, median, extremes, success.\n"
      "The seeds are none of training's.",
      "eval");
  Flags flags;
  AddFlags(app, &flags);
  if (const std::optional<int> status = ParseFlags(app, argc, argv)) return *status;
  EnterUsersFolder();
  const absl::StatusOr<TrainedRun> run = LoadTrainedRun(flags.run);
  if (!run.ok()) return Refuse("eval", run.status());

  Performance performance;
  performance.verb = "eval";
  performance.make_player =
      [&](const EnvSpec& spec) -> absl::StatusOr<std::unique_ptr<SlotPlayer>> {
    return PolicyPlayer::Create({spec, run->policy.env, run->policy.policy, !flags.run.stochastic,
                                 DrawSeed(flags.episodes.seed)},
                                run->policy.weights);
  };
  const Outcome outcome = Perform(run->config, flags.episodes, performance);
  if (!outcome.episodes.empty()) {
    std::cout << outcome.spec.id << ", " << run->model_path << " after "
              << run->policy.weights.env_steps() << " env steps, "
              << (flags.run.stochastic ? "stochastic" : "deterministic") << ", seed "
              << flags.episodes.seed << ", " << outcome.episodes.size() << " episodes";
    for (const auto& [name, value] : outcome.parameters) std::cout << ", " << name << " " << value;
    std::cout << "\n" << StatisticsTable(outcome.spec, outcome.episodes);
  }
  if (const int status = Conclude("eval", outcome, flags.episodes.episodes); status != 0) {
    return status;
  }
  const std::string report = Report(*run, flags, outcome).dump(2) + "\n";
  const std::string path = flags.output.empty() ? run->path + "/evaluation.json" : flags.output;
  const absl::StatusOr<std::string> former = KeepFormerFile(path, report);
  if (!former.ok()) return Refuse("eval", former.status());
  const absl::Status written = WriteDurably(path, report);
  if (!written.ok()) return Refuse("eval", written);
  std::cout << "written to " << path
            << (former->empty() ? "" : "; the former one is now " + *former) << std::endl;
  return 0;
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) { return armature::Main(argc, argv); }
