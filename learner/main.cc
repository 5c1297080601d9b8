// The learner process: `bazel run //learner -- CONFIG key=value ...`.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "ATen/Parallel.h"
#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "c10/util/Exception.h"
#include "common/cli/flags.h"
#include "common/cli/open_files.h"
#include "common/cli/shutdown_signal.h"
#include "common/config/config.h"
#include "common/files/files.h"
#include "common/metrics/metrics.h"
#include "common/policy/policy_wire.h"
#include "common/rpc/rpc_server.h"
#include "common/rpc/transport.h"
#include "common/run_config/load_run_config.h"
#include "common/run_config/run_config.h"
#include "common/run_config/run_settings.h"
#include "common/sync/steady_time.h"
#include "learner/exit_status.h"
#include "learner/learner.h"
#include "learner/run/other_runs.h"
#include "learner/run/run_directory.h"
#include "learner/run/run_end.h"
#include "learner/run/run_folder.h"
#include "learner/run/run_index.h"
#include "learner/run/run_state.h"
#include "learner/service/learner_service.h"
#include "learner/status/learner_metrics.h"
#include "learner/training/run_card.h"
#include "learner/training/run_reporter.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

// How long open calls may take to finish when the process ends.
constexpr absl::Duration kCloseTimeout = absl::Seconds(1);

struct Flags {
  ConfigFlags config;
  std::string run_dir;
  std::string resume;
  std::string socket;
  std::string port_file;
  int64_t replica = 0;
  std::string replica_host;
  bool config_reference = false;
  bool metrics_remote = false;
  TransportOptions transport;
};

void AddFlags(CLI::App& app, Flags* flags) {
  AddConfigFlags(app, &flags->config);
  app.add_flag("--config_reference", flags->config_reference,
               "Print every group, and every key with its default, limits and meaning, as "
               "Markdown, and end.");
  auto* run_dir = app.add_option("--run_dir", flags->run_dir,
                                 "Use this folder (default: run.output_dir/run.name/date-time).");
  app.add_option("--resume", flags->resume,
                 "Go on from the newest checkpoint of this run: its folder, its id or its name "
                 "(the newest such run); takes no CONFIG, its own is read.")
      ->excludes(run_dir);
  app.add_option("--socket", flags->socket,
                 "Listen here too, unix:/path: processes of this user on this machine are let in "
                 "without TLS. With learner.listen=auto the only address.")
      ->check(CheckListenAddress);
  app.add_option(
      "--port_file", flags->port_file,
      "Written once the learner is ready: a line with its address, then one with that of "
      "/metrics.");
  auto* host = app.add_option("--replica_host", flags->replica_host,
                              "Address of the learner that is replica 0 of this run.");
  app.add_option("--replica", flags->replica,
                 "Which of learner.replicas this learner is; 1 and on need --replica_host.")
      ->needs(host);
  app.add_flag("--metrics_remote", flags->metrics_remote,
               "Let learner.metrics_listen be other than loopback. Metrics carry no secrets, but "
               "anyone who reaches the port can read them.");
  AddTransportFlags(app, &flags->transport);
  AddExamples(app, "bazel run //learner --",
              {"panda_reach_sac learner.listen=127.0.0.1:5556", "--config_reference"});
}

absl::StatusOr<std::unique_ptr<RunDirectory>> OpenRunDirectory(const Flags& flags,
                                                               RunConfig& config) {
  const RunPlace place = {flags.resume, flags.run_dir, config.run.output_dir, config.run.name};
  const absl::StatusOr<std::string> folder = MakeRunFolder(place, absl::Now());
  if (!folder.ok()) return folder.status();
  std::error_code ignored;
  absl::StatusOr<std::unique_ptr<RunDirectory>> directory =
      RunDirectory::Open(*folder, config.run.name);
  absl::Status status = directory.status();
  if (status.ok() && flags.resume.empty()) {
    status = (*directory)->WriteConfig(ToYaml(ConfigOf(config)));
  }
  if (status.ok()) return directory;
  if (place.is_new()) std::filesystem::remove_all(*folder, ignored);  // New and still empty.
  return NamePlace(place, status);
}

absl::Status CheckReplica(const Flags& flags, const RunConfig& config) {
  if (flags.replica < 0 || flags.replica >= config.learner.replicas) {
    return absl::InvalidArgumentError(absl::StrCat("--replica=", flags.replica, " is not in 0 to ",
                                                   config.learner.replicas - 1,
                                                   ": learner.replicas=", config.learner.replicas));
  }
  if ((flags.replica > 0) != !flags.replica_host.empty()) {
    return absl::InvalidArgumentError(
        "--replica_host is for replicas from 1 on, and they need it (--replica)");
  }
  return absl::OkStatus();
}

std::vector<std::string> Addresses(const Flags& flags, const RunConfig& config) {
  std::vector<std::string> addresses;
  if (config.learner.listen != LearnerSection::kAuto) addresses.push_back(config.learner.listen);
  if (!flags.socket.empty()) addresses.push_back(flags.socket);
  if (addresses.empty()) addresses.emplace_back("127.0.0.1:0");
  return addresses;
}

// Makes the run findable by name and id. Only for replica 0's folder, which contains the others'.
// If this fails, the run can only be found by its folder.
void Remember(const Flags& flags, const RunDirectory& directory) {
  if (flags.replica > 0) return;
  const absl::Status status = RememberRun(directory.path());
  if (status.ok()) return;
  spdlog::warn("the run will not be found by its name or id from everywhere: {}",
               std::string(status.message()));
}

// Writes the run's card, in replica 0 only.
void WriteCard(const Flags& flags, const RunDirectory& directory, const RunConfig& config) {
  if (flags.replica > 0) return;
  const char* clone = std::getenv("BUILD_WORKSPACE_DIRECTORY");  // Set by bazel run.
  const absl::Status status = WriteRunCard(directory.path(), directory.run_id(), config,
                                           clone == nullptr ? "" : CommitOf(clone));
  if (!status.ok()) spdlog::error("no card: {}", std::string(status.message()));
}

// Notes in the card how an unfinished run stopped; `status` is its failure, or OK if stopped.
void NoteEnd(const Flags& flags, const RunDirectory& directory, const absl::Status& status) {
  if (flags.replica > 0) return;
  std::string why = status.ok() ? "it was stopped" : std::string(status.message());
  // Errors with exit status 2 say what to change first.
  if (ExitStatus(status) != 2) {
    absl::StrAppend(&why, "; ", GoOnSentence(directory.path()));
  }
  LogIfError(NoteRunState(directory.path(), why));
}

int Refuse(const absl::Status& status, int exit_status) {
  std::cerr << "learner: " << status.message() << std::endl;
  return exit_status;
}

// Reproducible runs use the CPU by default.
absl::StatusOr<c10::Device> DeviceOf(const RunConfig& config) {
  const bool to_the_bit = config.reproducible.enabled && config.learner.device == "auto";
  return ParseDevice(to_the_bit ? "cpu" : config.learner.device);
}

absl::StatusOr<ReplicaRole> RoleOf(const Flags& flags) {
  ReplicaRole role;
  role.replica = flags.replica;
  if (flags.replica == 0) return role;
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel =
      MakeChannel(flags.replica_host, flags.transport);
  if (!channel.ok()) return channel.status();
  role.host = *std::move(channel);
  return role;
}

absl::Status BeginLogs(const RunConfig& config, RunDirectory* directory) {
  if (config.run.type == "debug") {
    spdlog::set_level(spdlog::level::debug);
  } else if (absl::Status status = directory->WriteEvents(absl::Now()); !status.ok()) {
    return status;
  }
  LogIfError(directory->LogSettings(LearningSettings(config), absl::Now()));
  return absl::OkStatus();
}

absl::Status RestoreIfResumed(const Flags& flags, Learner* learner) {
  if (flags.resume.empty()) return absl::OkStatus();
  absl::Status status = learner->trainer().Restore();
  if (!absl::IsNotFound(status)) return status;
  spdlog::warn("{}; the run begins anew", std::string(status.message()));
  return absl::OkStatus();
}

// The servers through which others reach a learner.
struct Ports {
  std::atomic<bool> stopping = false;
  std::unique_ptr<MetricsServer> metrics;  // Null if learner.metrics_listen=off.
  std::unique_ptr<RpcServer> rpc;

  // Errors: as MetricsServer::Start and RpcServer::Start.
  absl::Status Open(const Flags& flags, const RunConfig& config, const MetricsRegistry& registry,
                    Learner* learner) {
    if (config.learner.metrics_listen != "off") {
      auto started = MetricsServer::Start(
          config.learner.metrics_listen, flags.metrics_remote, &registry, [this, learner] {
            return stopping ? "the learner stops" : learner->status().Problem(SteadyTime());
          });
      if (!started.ok()) return started.status();
      metrics = *std::move(started);
    }
    auto started = RpcServer::Start(Addresses(flags, config), flags.transport, learner->services());
    if (!started.ok()) {
      return absl::Status(
          started.status().code(),
          absl::StrCat("learner.listen=", config.learner.listen, ": ", started.status().message()));
    }
    rpc = *std::move(started);
    return absl::OkStatus();
  }

  // Reports the learner as unhealthy, so that no one new connects.
  void Drain() {
    stopping = true;
    rpc->Drain();
  }
};

// Tells the launcher (port file) and people (stdout) that the learner is ready.
absl::Status SayReady(const Flags& flags, const RunConfig& config, const std::string& run_dir,
                      const std::string& device, const Ports& ports) {
  const std::string& address = ports.rpc->address();
  const std::string metrics = ports.metrics == nullptr ? "-" : ports.metrics->address();
  absl::Status status;
  if (!flags.port_file.empty()) status = WritePortFile(flags.port_file, {address, metrics});
  std::cout << "learner ready on " << address << ": " << config.algorithm.name << " on "
            << config.environment.id << ", device " << device << ", run directory " << run_dir
            << ", metrics " << (ports.metrics == nullptr ? "off" : "http://" + metrics + "/metrics")
            << std::endl;
  return status;
}

absl::Status Serve(const Flags& flags, RunConfig& config,
                   std::unique_ptr<ShutdownSignal> shutdown) {
  const absl::StatusOr<c10::Device> device = DeviceOf(config);
  if (!device.ok()) return device.status();
  at::set_num_threads(static_cast<int>(config.learner.threads));
  const absl::StatusOr<std::unique_ptr<RunDirectory>> directory = OpenRunDirectory(flags, config);
  if (!directory.ok()) return directory.status();
  RunDirectory& run = **directory;
  Remember(flags, run);
  absl::Status status = BeginLogs(config, &run);
  if (!status.ok()) return status;

  MetricsRegistry registry("learner");
  LearnerMetrics metrics(&registry);
  const absl::StatusOr<ReplicaRole> role = RoleOf(flags);
  if (!role.ok()) return role.status();
  Learner learner(config, *role, flags.transport, &run, &metrics, *device);
  Ports ports;
  status = RestoreIfResumed(flags, &learner);
  if (status.ok()) status = ports.Open(flags, config, registry, &learner);
  // From here on the run continues, so the result of an earlier end no longer holds.
  if (status.ok()) status = run.KeepEarlierResult();
  if (!status.ok()) return status;
  WriteCard(flags, run, config);
  status = SayReady(flags, config, run.path(), device->str(), ports);

  shutdown->OnRequest([&learner, &ports] {
    ports.Drain();
    learner.Stop();
  });
  const absl::StatusOr<bool> over =
      status.ok() ? learner.trainer().Run() : absl::StatusOr<bool>(status);
  const bool is_over = over.ok() && *over;
  WriteCard(flags, run, config);
  if (!is_over) NoteEnd(flags, run, over.status());
  shutdown.reset();  // A late signal must not use the learner after it is gone.
  ports.Drain();
  learner.intake().EndStreams(is_over ? absl::OkStatus()
                                      : absl::UnavailableError("the learner stops; it may return"));
  ports.rpc->Shutdown(absl::Now() + kCloseTimeout);
  return over.status();
}

int Main(int argc, char** argv) {
  RaiseOpenFilesLimit();
  CLI::App app("Learns from the experience that actors send, and gives them new policies.",
               "learner");
  Flags flags;
  AddFlags(app, &flags);
  if (const std::optional<int> status = ParseFlags(app, argc, argv)) return *status;
  if (flags.config_reference) {
    std::cout << ConfigReference();
    return 0;
  }
  EnterUsersFolder();
  if (!flags.resume.empty()) {
    absl::StatusOr<std::string> run = FindNamedRun(flags.resume, flags.config.words);
    if (!run.ok()) return Refuse(run.status(), 2);
    flags.resume = *std::move(run);
  }
  absl::StatusOr<RunConfig> config = LoadRunConfig(flags.config, flags.resume);
  if (config.ok() && flags.resume.empty()) {
    if (absl::Status status = ResolveLoad(&config->run); !status.ok()) return Refuse(status, 2);
  }
  if (!config.ok()) return Refuse(config.status(), 2);
  if (absl::Status status = CheckReplica(flags, *config); !status.ok()) return Refuse(status, 2);
  if (absl::Status status = ResolveDemonstrations(&config->algorithm.demonstrations);
      !status.ok()) {
    return Refuse(status, 2);
  }
  if (!flags.config.cfg.empty()) {
    std::cout << ToYaml(ConfigOf(*config));
    return 0;
  }
  if (!flags.resume.empty()) {
    const absl::StatusOr<std::optional<RunEnd>> end = FindEnd(flags.resume, *config);
    if (!end.ok()) return Refuse(end.status(), 2);
    if (end->has_value()) {
      std::cout << "learner: " << (*end)->line << std::endl;
      return 0;
    }
  } else if (!flags.run_dir.empty()) {
    if (absl::Status status = CheckUnused(flags.run_dir); !status.ok()) return Refuse(status, 2);
  }
  auto shutdown = std::make_unique<ShutdownSignal>();  // Before any other thread.
  try {
    const absl::Status status = Serve(flags, *config, std::move(shutdown));
    return status.ok() ? 0 : Refuse(status, ExitStatus(status));
  } catch (const c10::Error& error) {  // Thrown by LibTorch, e.g. when out of memory.
    return Refuse(absl::InternalError(error.what_without_backtrace()), 1);
  }
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) { return armature::Main(argc, argv); }
