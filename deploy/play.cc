// `bazel run //deploy:play -- RUN`: watch a run's policy.
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/cli/flags.h"
#include "common/cli/how_started.h"
#include "common/cli/open_files.h"
#include "common/files/files.h"
#include "common/sync/steady_time.h"
#include "common/tensor/packed.h"
#include "deploy/launcher/report/terminal.h"
#include "deploy/verbs/episode_printer.h"
#include "deploy/verbs/gif_file.h"
#include "deploy/verbs/trained/policy_player.h"
#include "deploy/verbs/trained/trained_run.h"
#include "deploy/verbs/verb.h"

namespace armature {
namespace {

struct Flags {
  TrainedRunFlags run;
  bool realtime = false;
  std::string gif;
  EpisodeFlags episodes;
};

void AddFlags(CLI::App& app, Flags* flags) {
  AddTrainedRunFlags(app, &flags->run);
  app.add_flag("--realtime", flags->realtime, "No faster than the robot would move.");
  app.add_option("--gif", flags->gif,
                 "Write what the environment draws to this file, an animation, instead of "
                 "printing the steps.");
  AddEpisodeFlags(app, &flags->episodes);
  AddExamples(app, HowStarted("play"),
              {"panda_reach_sac --realtime", "outputs/panda_reach_sac/DATE-TIME --episodes 3"});
}

// Shows the episodes of one environment as they are played.
class Show {
 public:
  explicit Show(const Flags& flags) : flags_(flags) {}

  absl::Status Prepare(const Stage::Scene& scene, EpisodeSeriesOptions* series) {
    if (!flags_.gif.empty()) {
      if (absl::Status status = PrepareGif(scene.spec, series); !status.ok()) return status;
    } else {
      printer_ = std::make_unique<EpisodePrinter>(
          scene.spec, Terminal(STDOUT_FILENO).width(), flags_.episodes.episodes, series->steps_max,
          [](const std::string& line) { std::cout << line << std::endl; });
    }
    series->on_progress = [](absl::Span<const v1::Episode> ended) {
      const v1::Episode& last = ended.back();
      std::cout << absl::StrFormat("episode %d: return %.4g, %d steps%s%s", ended.size() - 1,
                                   last.return_sum(), last.length(),
                                   last.is_success() ? ", success" : "",
                                   last.cut() ? ", cut (see --max_steps)" : "")
                << std::endl;
    };
    series->on_step = [this, scene](const DecodedStep& step, absl::Span<const float> actions) {
      if (printer_ != nullptr) printer_->OnStep(step, actions);
      if (flags_.realtime) Pace(scene);
    };
    return absl::OkStatus();
  }

  absl::Status Close() {
    if (gif_ == nullptr) return absl::OkStatus();
    absl::Status status = gif_->Close();
    if (status.ok()) std::cout << gif_->frames() << " pictures in " << flags_.gif << std::endl;
    return status;
  }

 private:
  absl::Status PrepareGif(const EnvSpec& spec, EpisodeSeriesOptions* series) {
    if (!spec.render.has_value()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "--gif: the env server does not draw ", spec.id,
          "; without --gif its steps are printed (armature-serve draws with --render)"));
    }
    auto gif = GifFile::Create(flags_.gif, spec.render->width_px, spec.render->height_px,
                               spec.control_period_s);
    if (!gif.ok()) return gif.status();
    gif_ = *std::move(gif);
    series->on_frame = [this](const v1::Frame& frame) {
      return gif_->Add(TensorValues<uint8_t>(frame.rgb()));
    };
    return absl::OkStatus();
  }

  // Each step is shown for its simulated time, whatever playing it took.
  void Pace(const Stage::Scene& scene) {
    const absl::Time now = SteadyTime();
    if (next_ > now) scene.pause(next_ - now);
    next_ = std::max(next_, now) + absl::Seconds(scene.spec.control_period_s);
  }

  const Flags& flags_;
  std::unique_ptr<EpisodePrinter> printer_;
  std::unique_ptr<GifFile> gif_;
  absl::Time next_ = absl::InfinitePast();
};

int Main(int argc, char** argv) {
  RaiseOpenFilesLimit();
  CLI::App app("Plays a run's policy for you to watch: step by step as text, or as a GIF.", "play");
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
  performance.render = !flags.gif.empty();
  performance.make_player =
      [&](const EnvSpec& spec) -> absl::StatusOr<std::unique_ptr<SlotPlayer>> {
    return PolicyPlayer::Create({spec, run->policy.env, run->policy.policy, !flags.run.stochastic,
                                 DrawSeed(flags.episodes.seed)},
                                run->policy.weights);
  };
  performance.prepare = [&](const Stage::Scene& scene, EpisodeSeriesOptions* series) {
    return show.Prepare(scene, series);
  };
  Outcome outcome = Perform(run->config, flags.episodes, performance);
  const absl::Status closed = show.Close();
  if (outcome.status.ok()) outcome.status = closed;
  return Conclude("play", outcome, flags.episodes.episodes);
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) { return armature::Main(argc, argv); }
