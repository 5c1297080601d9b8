// The cluster launcher: `bazel run //deploy:train -- CONFIG key=value ...`.
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/cli/flags.h"
#include "common/cli/how_started.h"
#include "common/cli/open_files.h"
#include "common/cli/shutdown_signal.h"
#include "common/files/files.h"
#include "common/run_config/load_run_config.h"
#include "common/run_config/run_config.h"
#include "deploy/launcher/cluster.h"
#include "deploy/launcher/process/child_health.h"
#include "deploy/launcher/process/event_loop.h"
#include "deploy/launcher/programs.h"
#include "deploy/launcher/report/learner_status.h"
#include "deploy/launcher/report/terminal.h"
#include "learner/run/other_runs.h"
#include "learner/run/run_end.h"
#include "learner/run/run_folder.h"
#include "learner/run/run_lock.h"

namespace armature {
namespace {

struct Flags {
  ConfigFlags config;
  std::string run_dir;
  std::string resume;
  TransportOptions transport;
};

absl::StatusOr<Cluster::Programs> FindPrograms() {
  Cluster::Programs programs;
  std::string envserver;
  for (const auto& [name, path] : {std::pair{"learner", &programs.learner},
                                   {"actor", &programs.actor},
                                   {"envserver", &envserver}}) {
    absl::StatusOr<std::string> found = FindProgram(name);
    if (!found.ok()) return found.status();
    *path = *std::move(found);
  }
  programs.envserver = {std::move(envserver)};
  return programs;
}

int Refuse(const absl::Status& status, int exit_status) {
  std::cerr << "train: " << status.message() << std::endl;
  return exit_status;
}

void AddFlags(CLI::App& app, Flags* flags) {
  AddConfigFlags(app, &flags->config);
  auto* run_dir = app.add_option("--run_dir", flags->run_dir,
                                 "Use this folder (default: run.output_dir/run.name/date-time).");
  app.add_option("--resume", flags->resume,
                 "Go on with this run: its folder, its id or its name (the newest such run); takes "
                 "no CONFIG.")
      ->excludes(run_dir);
  AddTransportFlags(app, &flags->transport);
  AddExamples(app, HowStarted("train"),
              {"panda_reach_sac", "panda_reach_sac run.seed=3 run.total_env_steps=1e5",
               "algorithm=td3 environment=panda_reach", "--resume panda_reach_sac"});
}

// The configuration that the command line asks for. Makes flags->resume a folder.
absl::StatusOr<RunConfig> ReadConfig(Flags* flags) {
  if (!flags->resume.empty()) {
    absl::StatusOr<std::string> run = FindNamedRun(flags->resume, flags->config.words);
    if (!run.ok()) return run.status();
    flags->resume = *std::move(run);
  }
  absl::StatusOr<RunConfig> config = LoadRunConfig(flags->config, flags->resume);
  if (config.ok() && flags->resume.empty()) {
    if (absl::Status status = ResolveLoad(&config->run); !status.ok()) return status;
  }
  return config;
}

// The exit status, if there is nothing to train: the run is over, or the folder is in use.
std::optional<int> FindEarlierEnd(const Flags& flags, const RunConfig& config) {
  if (!flags.resume.empty()) {
    const absl::StatusOr<std::optional<RunEnd>> end = FindEnd(flags.resume, config);
    if (!end.ok()) return Refuse(end.status(), 2);
    if (!end->has_value()) return std::nullopt;
    std::cout << "train: " << (*end)->line << std::endl;
    return (*end)->target_missed ? 1 : 0;  // As it ended.
  }
  if (flags.run_dir.empty()) return std::nullopt;
  const absl::Status status = CheckUnused(flags.run_dir);
  return status.ok() ? std::nullopt : std::optional<int>(Refuse(status, 2));
}

// Locks the run's folder before any child is started: two launchers would overwrite each
// other's files. Removes a new folder that cannot be locked.
absl::StatusOr<RunLock> LockRun(const RunPlace& place, const std::string& folder) {
  absl::StatusOr<RunLock> lock = RunLock::Take(folder, RunLock::kLauncher);
  absl::Status is_free = lock.status();
  is_free.Update(RunLock::CheckFree(folder, RunLock::kLearner));  // One that was started by hand.
  if (is_free.ok()) return lock;
  std::error_code ignored;
  if (place.is_new()) std::filesystem::remove_all(folder, ignored);
  return NamePlace(place, is_free);
}

int Train(Cluster::Options options) {
  Terminal terminal(STDOUT_FILENO);
  EventLoop loop;
  LearnerStatus status(options.transport);
  ChildHealth health(&loop, options.transport);
  Cluster cluster(std::move(options), &status, &health, &terminal, &loop);
  // Nothing above has started a thread yet. A third signal ends the launcher at once,
  // and the kernel its children with it.
  ShutdownSignal shutdown;
  shutdown.OnRepeat([&] { loop.Post([&] { cluster.GiveUp(); }); });
  shutdown.OnRequest([&] { loop.Post([&] { cluster.Stop(shutdown.signal()); }); });
  return cluster.Run();
}

int Main(int argc, char** argv) {
  RaiseOpenFilesLimit();
  CLI::App app(
      "Trains on this machine: starts a learner, env servers and actors, restarts what dies, and\n"
      "ends when the run is solved or its budget is spent.",
      "train");
  Flags flags;
  AddFlags(app, &flags);
  if (const std::optional<int> status = ParseFlags(app, argc, argv)) return *status;

  absl::StatusOr<Cluster::Programs> programs = FindPrograms();
  absl::StatusOr<RunFollower::Options> uploader = FindUploader();
  absl::StatusOr<RunFollower::Options> filmer = FindFilmer();
  EnterUsersFolder();
  absl::StatusOr<RunConfig> config = ReadConfig(&flags);
  if (!config.ok()) return Refuse(config.status(), 2);
  if (absl::Status status = ResolveDemonstrations(&config->algorithm.demonstrations);
      !status.ok()) {
    return Refuse(status, 2);
  }
  if (!flags.config.cfg.empty()) {
    std::cout << ToYaml(ConfigOf(*config));
    return 0;
  }
  if (const std::optional<int> status = FindEarlierEnd(flags, *config)) return *status;
  if (!programs.ok()) return Refuse(programs.status(), 1);
  auto env_server = EnvServerProgram(config->cluster, programs->envserver.front());
  if (!env_server.ok()) return Refuse(env_server.status(), 2);
  programs->envserver = *std::move(env_server);
  if (config->run.video_every > 0) {
    if (!filmer.ok()) return Refuse(filmer.status(), 1);
    programs->followers.push_back(*std::move(filmer));
  }
  if (config->run.type == "wandb") {
    if (!uploader.ok()) return Refuse(uploader.status(), 1);
    programs->followers.push_back(*std::move(uploader));
  }
  ShareRunfiles();
  const RunPlace place = {flags.resume, flags.run_dir, config->run.output_dir, config->run.name};
  absl::StatusOr<std::string> folder = MakeRunFolder(place, absl::Now());
  if (!folder.ok()) return Refuse(folder.status(), 1);
  const absl::StatusOr<RunLock> lock = LockRun(place, *folder);
  if (!lock.ok()) return Refuse(lock.status(), 2);

  Cluster::Options options;
  options.config = *std::move(config);
  options.run_dir = *std::move(folder);
  options.resume = !flags.resume.empty();
  // A new run's config.yaml holds its overrides already.
  if (options.resume) options.overrides = flags.config.words;
  options.command = HowStarted("train");
  options.transport = flags.transport;
  options.programs = *std::move(programs);
  return Train(std::move(options));
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) { return armature::Main(argc, argv); }
