// `bazel run //deploy:play -- RUN`: watch a run's policy.
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "common/cli/flags.h"
#include "common/cli/how_started.h"
#include "common/cli/open_files.h"
#include "common/files/files.h"
#include "common/sync/steady_time.h"
#include "deploy/launcher/report/terminal.h"
#include "deploy/verbs/episode_printer.h"
#include "deploy/verbs/trained/policy_player.h"
#include "deploy/verbs/trained/trained_run.h"
#include "deploy/verbs/verb.h"

namespace armature {
namespace {

struct Flags {
  TrainedRunFlags run;
  bool realtime = false;
  EpisodeFlags episodes;
};

void AddFlags(CLI::App& app, Flags* flags) {
  AddTrainedRunFlags(app, &flags->run);
  app.add_flag("--realtime", flags->realtime, "No faster than the robot would move.");
  AddEpisodeFlags(app, &flags->episodes);
  AddExamples(app, HowStarted("play"),
              {"panda_reach_sac --realtime", "outputs/panda_reach_sac/DATE-TIME --episodes 3"});
}

// Shows the episodes of one environment as they are played.
class Show {
 public:
  explicit Show(const Flags& flags) : flags_(flags) {}

  void Prepare(const Stage::Scene& scene, EpisodeSeriesOptions* series) {
    printer_ = std::make_unique<EpisodePrinter>(
        scene.spec, Terminal(STDOUT_FILENO).width(), flags_.episodes.episodes, series->steps_max,
        [](const std::string& line) { std::cout << line << std::endl; });
    series->on_progress = EpisodeLines();
    series->on_step = [this, scene](const DecodedStep& step, absl::Span<const float> actions) {
      printer_->OnStep(step, actions);
      if (flags_.realtime) Pace(scene);
    };
  }

 private:
  // Each step is shown for its simulated time, whatever playing it took.
  void Pace(const Stage::Scene& scene) {
    const absl::Time now = SteadyTime();
    if (next_ > now) scene.pause(next_ - now);
    next_ = std::max(next_, now) + absl::Seconds(scene.spec.control_period_s);
  }

  const Flags& flags_;
  std::unique_ptr<EpisodePrinter> printer_;
  absl::Time next_ = absl::InfinitePast();
};

int Main(int argc, char** argv) {
  RaiseOpenFilesLimit();
  CLI::App app("Plays a run's policy and prints it step by step.", "play");
  Flags flags;
  AddFlags(app, &flags);
  if (const std::optional<int> status = ParseFlags(app, argc, argv)) return *status;
  EnterUsersFolder();
  const absl::StatusOr<TrainedRun> run = LoadTrainedRun(flags.run);
  if (!run.ok()) return Refuse("play", run.status());
  std::cout << run->policy.env.id << ", " << run->model_path << " after "
            << run->policy.weights.env_steps() << " env steps" << std::endl;

  Show show(flags);
  Performance performance;
  performance.verb = "play";
  performance.make_player =
      [&](const EnvSpec& spec) -> absl::StatusOr<std::unique_ptr<SlotPlayer>> {
    return PolicyPlayer::Create({spec, run->policy.env, run->policy.policy, !flags.run.stochastic,
                                 DrawSeed(flags.episodes.seed)},
                                run->policy.weights);
  };
  performance.prepare = [&](const Stage::Scene& scene, EpisodeSeriesOptions* series) {
    show.Prepare(scene, series);
    return absl::OkStatus();
  };
  const Outcome outcome = Perform(run->config, flags.episodes, performance);
  return Conclude("play", outcome, flags.episodes.episodes);
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) { return armature::Main(argc, argv); }
