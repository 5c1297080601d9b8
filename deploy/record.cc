// `bazel run //deploy:record -- RUN`: a video of a run's policy, of random actions, of a recorded
// episode or of a slot of a running env server.
#include <sys/resource.h>

#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/cli/flags.h"
#include "common/cli/how_started.h"
#include "common/cli/open_files.h"
#include "common/cli/shutdown_signal.h"
#include "common/files/files.h"
#include "common/play/random_player.h"
#include "common/rpc/transport.h"
#include "common/run_config/run_config.h"
#include "common/scene/episode_file.h"
#include "deploy/film/filming_onlooker.h"
#include "deploy/film/run_filmer.h"
#include "deploy/film/scene_film.h"
#include "deploy/film/sources.h"
#include "deploy/verbs/environment_words.h"
#include "deploy/verbs/episode_printer.h"
#include "deploy/verbs/trained/policy_player.h"
#include "deploy/verbs/trained/trained_run.h"
#include "deploy/verbs/verb.h"
#include "learner/run/run_finder.h"
#include "learner/run/run_folder.h"

namespace armature {
namespace {

constexpr char kVerb[] = "record";
constexpr int kLowestPriority = 19;
constexpr absl::Duration kLookEvery = absl::Seconds(1);  // For new recordings.

struct Flags {
  TrainedRunFlags run;
  bool random = false;
  bool follow = false;
  std::string size;
  bool no_text = false;
  FilmOptions film;
  EpisodeFlags episodes;
  uint64_t session = 0;
  uint32_t slot = 0;
  double seconds = 0;
};

void AddFlags(CLI::App& app, Flags* flags) {
  app.add_option("WHAT key=value", flags->run.words,
                 "A run (its folder, id or name), whose policy plays; with --random an "
                 "environment, as `random` takes it; a recording, NAME.episodes; or the address "
                 "of an env server, one of whose slots is filmed as others play it. Then overrides "
                 "of the configuration.")
      ->required();
  app.add_flag("--random", flags->random, "Act at random.");
  app.add_flag("--follow", flags->follow,
               "Make the videos of a run's recorded evaluations (run.video_every), as they come, "
               "until the run is over. A run with that key starts this by itself.");
  app.add_option("--output", flags->film.paths,
                 "Files to write: .mp4 (H.264, needs ffmpeg), .gif, and .episodes, a recording. "
                 "Default: an MP4 named after WHAT, of a run in its folder videos/.")
      ->allow_extra_args(false);
  app.add_option("--camera", flags->film.camera,
                 "Of the environment, by name. Default: its first.");
  app.add_option("--size", flags->size,
                 "WIDTHxHEIGHT of the video, in pixels. Default: what the camera has.");
  app.add_option("--fps", flags->film.frames_per_s_max,
                 "Most pictures a second; steps beyond are left out. A GIF has at most 50.")
      ->check(CLI::Range(0.1, 1000.0))
      ->capture_default_str();
  app.add_option("--speed", flags->film.speed, "2: twice as fast as the robot moves.")
      ->check(CLI::Range(0.001, 1000.0))
      ->capture_default_str();
  app.add_flag("--no_text", flags->no_text, "Without time, return and success in the pictures.");
  AddModelFlag(app, &flags->run.model);
  app.add_flag("--stochastic", flags->run.stochastic, "Sample the actions of the run's policy.");
  AddEpisodeFlags(app, &flags->episodes);
  app.add_option("--num_envs", flags->episodes.num_envs, "Environments side by side in a grid.")
      ->check(CLI::Range(int64_t{1}, int64_t{16}))
      ->capture_default_str();
  app.add_option("--session", flags->session,
                 "Of an env server's sessions, by id. Default: the newest.");
  app.add_option("--slot", flags->slot, "Of the session.")->capture_default_str();
  app.add_option("--seconds", flags->seconds,
                 "How long a slot is filmed. Default: until its session ends, or Ctrl-C.")
      ->check(CLI::PositiveNumber);
  AddExamples(app, HowStarted(kVerb),
              {"panda_reach_sac --episodes 3", "panda_reach_sac --num_envs 4 --size 1280x960",
               "--random panda_reach --output reach.gif --size 320x240",
               "127.0.0.1:5557 --slot 2 --seconds 20", "reach.episodes --camera default"});
}

absl::StatusOr<PictureSize> ReadSize(const std::string& text) {
  const std::vector<std::string> sides = absl::StrSplit(text, 'x');
  PictureSize size;
  if (sides.size() == 2 && absl::SimpleAtoi(sides[0], &size.width_px) &&
      absl::SimpleAtoi(sides[1], &size.height_px) && size.width_px > 0 && size.height_px > 0) {
    return size;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--size ", text, ": expected WIDTHxHEIGHT, e.g. 640x480"));
}

absl::Status CheckOutputs(const std::vector<std::string>& paths) {
  std::set<std::filesystem::path> places;
  for (const std::string& path : paths) {
    if (!VideoFile::IsVideo(path) && !absl::EndsWith(path, kEpisodeFileEnding)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--output ", path, ": expected a name that ends in .mp4, .gif or ", kEpisodeFileEnding));
    }
    if (!places.insert(std::filesystem::weakly_canonical(std::filesystem::absolute(path))).second) {
      return absl::InvalidArgumentError(absl::StrCat("--output ", path, ": given twice"));
    }
  }
  return absl::OkStatus();
}

// Completes the files and says what they are. `film` is null if there was nothing to film.
absl::Status Finish(Film* film) {
  if (film == nullptr) return absl::OkStatus();
  const absl::Status status = film->Close();
  if (!status.ok()) return status;
  for (const std::string& line : film->Summary()) {
    if (!line.empty()) std::cout << line << std::endl;
  }
  return absl::OkStatus();
}

// Films the episodes that `performance` plays.
int FilmEpisodes(const RunConfig& config, const Flags& flags, Performance performance) {
  std::unique_ptr<FilmingOnlooker> onlooker;
  performance.verb = kVerb;
  performance.render = true;
  performance.prepare = [&](const Stage::Scene& scene,
                            EpisodeSeriesOptions* series) -> absl::Status {
    auto created = FilmingOnlooker::Create(*series, scene.signal, flags.film);
    if (!created.ok()) return created.status();
    onlooker = *std::move(created);
    series->onlooker = onlooker.get();
    series->on_progress = EpisodeLines();
    return absl::OkStatus();
  };
  Outcome outcome = Perform(config, flags.episodes, performance);
  outcome.status = ExplainUnhosted(outcome.status, config);
  const absl::Status finished = Finish(onlooker == nullptr ? nullptr : &onlooker->film());
  if (outcome.status.ok()) outcome.status = finished;
  return Conclude(kVerb, outcome, flags.episodes.episodes);
}

int FilmPolicy(Flags flags) {
  const absl::StatusOr<TrainedRun> run = LoadTrainedRun(flags.run);
  if (!run.ok()) return Refuse(kVerb, run.status());
  std::cout << run->policy.env.id << ", " << run->model_path << " after "
            << run->policy.weights.env_steps() << " env steps" << std::endl;
  if (flags.film.paths.empty()) {
    const auto folder = MakeFolder(run->path + "/videos");
    if (!folder.ok()) return Refuse(kVerb, folder.status());
    const std::string model = std::filesystem::path(run->model_path).stem().string();
    flags.film.paths = {absl::StrCat(*folder, "/", absl::StripPrefix(model, "model_"), ".mp4")};
  }
  Performance performance;
  performance.make_player =
      [&](const EnvSpec& spec) -> absl::StatusOr<std::unique_ptr<SlotPlayer>> {
    return PolicyPlayer::Create({spec, run->policy.env, run->policy.policy, !flags.run.stochastic,
                                 DrawSeed(flags.episodes.seed)},
                                run->policy.weights);
  };
  return FilmEpisodes(run->config, flags, performance);
}

int FilmRandom(Flags flags) {
  const absl::StatusOr<RunConfig> config = LoadEnvironment(flags.run.words);
  if (!config.ok()) return Refuse(kVerb, config.status());
  if (flags.film.paths.empty()) flags.film.paths = {config->environment.id + "_random.mp4"};
  Performance performance;
  performance.make_player = [&](const EnvSpec& spec) {
    return std::make_unique<RandomPlayer>(spec.action, DrawSeed(flags.episodes.seed));
  };
  return FilmEpisodes(*config, flags, performance);
}

// Films what others have played or play: `source` gives the frames.
int FilmOthers(const Flags& flags, const std::function<absl::Status(SceneFilm*)>& source,
               const ShutdownSignal& shutdown) {
  auto film = SceneFilm::Create(flags.film, /*environments=*/1);
  if (!film.ok()) return Refuse(kVerb, film.status());
  absl::Status status = source(film->get());
  const bool is_stopped = absl::IsCancelled(status);
  if (status.ok() || is_stopped) status = Finish(film->get());
  if (!status.ok()) return Refuse(kVerb, status);
  return is_stopped ? 128 + shutdown.signal() : 0;
}

int FilmRecording(Flags flags, const std::string& path) {
  if (flags.film.paths.empty()) {
    flags.film.paths = {std::filesystem::path(path).replace_extension(".mp4").string()};
  }
  for (const std::string& output : flags.film.paths) {
    std::error_code ignored;
    if (!std::filesystem::equivalent(output, path, ignored)) continue;
    return Refuse(kVerb, absl::InvalidArgumentError(absl::StrCat(
                             "--output ", output, ": it is the recording that is to be filmed")));
  }
  ShutdownSignal shutdown;
  return FilmOthers(
      flags,
      [&](SceneFilm* film) {
        const absl::StatusOr<bool> is_complete = FilmRecording(
            path, [&] { return shutdown.requested(); }, film);
        if (is_complete.ok() && !*is_complete) {
          std::cerr << kVerb << ": " << path << " breaks off; it is filmed up to there"
                    << std::endl;
        }
        return is_complete.status();
      },
      shutdown);
}

int FilmServer(Flags flags, const std::string& address) {
  for (const std::string& path : flags.film.paths) {
    if (!absl::EndsWith(path, kEpisodeFileEnding)) continue;
    return Refuse(kVerb, absl::InvalidArgumentError(absl::StrCat(
                             "--output ", path,
                             ": who watches others play can miss steps, and records no episodes")));
  }
  if (flags.film.paths.empty()) flags.film.paths = {absl::StrCat("slot_", flags.slot, ".mp4")};
  ShutdownSignal shutdown;
  WakeSignal signal;
  shutdown.OnRequest([&] { signal.Notify(); });
  const auto channel = MakeChannel(address, flags.episodes.transport);
  if (!channel.ok()) return Refuse(kVerb, channel.status());
  SlotSource source;
  source.channel = *channel;
  source.address = address;
  source.request.set_session_id(flags.session);
  source.request.set_slot(flags.slot);
  source.request.set_frames_per_s_max(flags.film.frames_per_s_max);
  if (flags.seconds > 0) source.duration = absl::Seconds(flags.seconds);
  source.signal = &signal;
  source.cancelled = [&] { return shutdown.requested(); };
  return FilmOthers(
      flags, [&](SceneFilm* film) { return FilmSlot(source, film); }, shutdown);
}

// Makes a run's videos, at the lowest priority.
int FollowRun(const std::string& word) {
  const absl::StatusOr<std::string> run_dir = FindRun(word, RunSection().output_dir);
  if (!run_dir.ok()) return Refuse(kVerb, run_dir.status());
  setpriority(PRIO_PROCESS, 0, kLowestPriority);
  ShutdownSignal shutdown;
  RunFilmer filmer(*run_dir);
  for (;;) {
    const bool is_over = shutdown.requested() || std::filesystem::exists(*run_dir + "/result.json");
    const absl::StatusOr<bool> filmed = filmer.FilmNext();
    if (!filmed.ok()) {
      const int status = Refuse(kVerb, filmed.status());
      if (absl::IsFailedPrecondition(filmed.status())) return status;
    } else if (!*filmed && is_over) {
      return 0;
    } else if (!*filmed) {
      shutdown.WaitFor(kLookEvery);
    }
  }
}

int Main(int argc, char** argv) {
  RaiseOpenFilesLimit();
  CLI::App app("Writes videos and recordings of robots.", kVerb);
  Flags flags;
  AddFlags(app, &flags);
  if (const std::optional<int> status = ParseFlags(app, argc, argv)) return *status;
  EnterUsersFolder();
  flags.film.has_text = !flags.no_text;
  if (absl::Status status = CheckOutputs(flags.film.paths); !status.ok()) {
    return Refuse(kVerb, status);
  }
  if (!flags.size.empty()) {
    const absl::StatusOr<PictureSize> size = ReadSize(flags.size);
    if (!size.ok()) return Refuse(kVerb, size.status());
    flags.film.size = *size;
  }
  const std::string& what = flags.run.words.front();
  if (flags.follow) return FollowRun(what);
  if (flags.random) return FilmRandom(flags);
  if (absl::EndsWith(what, kEpisodeFileEnding)) return FilmRecording(flags, what);
  if (absl::StrContains(what, ':')) return FilmServer(flags, what);
  return FilmPolicy(flags);
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) { return armature::Main(argc, argv); }
