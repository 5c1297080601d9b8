// `bazel run //deploy:random -- ENV`: a first look at an environment.
#include <unistd.h>

#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/cli/flags.h"
#include "common/cli/how_started.h"
#include "common/cli/open_files.h"
#include "common/files/atomic_file.h"
#include "common/files/files.h"
#include "common/play/random_player.h"
#include "deploy/launcher/report/terminal.h"
#include "deploy/verbs/environment_words.h"
#include "deploy/verbs/episode_printer.h"
#include "deploy/verbs/statistics.h"
#include "deploy/verbs/step_table.h"
#include "deploy/verbs/verb.h"

namespace armature {
namespace {

struct Flags {
  std::vector<std::string> words;
  bool print = false;
  std::string output;
  EpisodeFlags episodes;
};

void AddFlags(CLI::App& app, Flags* flags) {
  app.add_option("ENV key=value", flags->words,
                 "An environment: an option of the group `environment`, the id of one that is "
                 "hosted, or a configuration that has one; then overrides such as "
                 "environment.config.reward_type=sparse.")
      ->required();
  app.add_flag("--print", flags->print, "Print the steps of the first episode.");
  app.add_option("--output", flags->output, "Also write the numbers to this file, as JSON.");
  flags->episodes.episodes = 20;
  flags->episodes.num_envs = 10;
  AddEpisodeFlags(app, &flags->episodes);
  AddNumEnvsFlag(app, &flags->episodes);
  AddExamples(app, HowStarted("random"),
              {"panda_reach --print", "cartpole --episodes 100 --output random.json"});
}

int Main(int argc, char** argv) {
  RaiseOpenFilesLimit();
  CLI::App app(
      "Acts at random in an environment and says what it is like: what is observed and\n"
      "done, and how a policy that has learned nothing fares.",
      "random");
  Flags flags;
  AddFlags(app, &flags);
  if (const std::optional<int> status = ParseFlags(app, argc, argv)) return *status;
  EnterUsersFolder();
  const absl::StatusOr<RunConfig> config = LoadEnvironment(flags.words);
  if (!config.ok()) return Refuse("random", config.status());

  Performance performance;
  performance.verb = "random";
  performance.make_player = [&](const EnvSpec& spec) {
    return std::make_unique<RandomPlayer>(spec.action, DrawSeed(flags.episodes.seed));
  };
  std::unique_ptr<EpisodePrinter> printer;
  performance.prepare = [&](const Stage::Scene& scene, EpisodeSeriesOptions* series) {
    std::cout << DescribeSpec(scene.spec) << std::endl;
    if (!flags.print) return absl::OkStatus();
    printer = std::make_unique<EpisodePrinter>(
        scene.spec, Terminal(STDOUT_FILENO).width(), /*sessions_max=*/1, series->steps_max,
        [](const std::string& line) { std::cout << line << std::endl; });
    series->on_step = [&](const DecodedStep& step, absl::Span<const float> actions) {
      printer->OnStep(step, actions);
    };
    return absl::OkStatus();
  };
  Outcome outcome = Perform(*config, flags.episodes, performance);
  if (!outcome.episodes.empty()) {
    std::cout << (flags.print ? "\n" : "") << "random actions, seed " << flags.episodes.seed << ", "
              << outcome.episodes.size() << " episodes\n"
              << StatisticsTable(outcome.spec, outcome.episodes) << std::flush;
  }
  outcome.status = ExplainUnhosted(outcome.status, *config);
  if (const int status = Conclude("random", outcome, flags.episodes.episodes); status != 0) {
    return status;
  }
  if (flags.output.empty()) return 0;
  nlohmann::ordered_json json = {{"environment", outcome.spec.id},
                                 {"environment_config", config->environment.config},
                                 {"seed", flags.episodes.seed}};
  json.update(StatisticsJson(outcome.spec, outcome.episodes));
  const absl::Status written = WriteDurably(flags.output, json.dump(2) + "\n");
  return written.ok() ? 0 : Refuse("random", written);
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) { return armature::Main(argc, argv); }
