// The actor's command line.
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "ATen/Parallel.h"
#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "actor/actor.h"
#include "common/cli/flags.h"
#include "common/cli/open_files.h"
#include "common/cli/shutdown_signal.h"
#include "common/env_client/server_directory.h"
#include "common/files/files.h"
#include "common/metrics/metrics.h"
#include "common/policy/policy_wire.h"
#include "common/rpc/protocol.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

struct Flags {
  ActorOptions actor;
  std::string device = "auto";
  int threads = 1;
  double connect_timeout_s = 60;
  double reconnect_timeout_s = 600;
  std::string metrics_listen = "127.0.0.1:0";
  bool metrics_remote = false;
  std::string port_file;
};

std::string DefaultName() {
  char host[256] = "host";
  gethostname(host, sizeof(host) - 1);
  std::string name = absl::StrCat("actor-", host, "-", getpid());
  for (char& c : name) {
    if (!absl::ascii_isalnum(c) && c != '_' && c != '.' && c != '-') c = '-';
  }
  return name.size() <= 64 ? name : absl::StrCat("actor-", getpid());
}

// Returns an error message, or an empty string if OK, as CLI11 expects.
std::string CheckName(const std::string& name) {
  return std::string(CheckHandshake(MakeHandshake(name, 1, ""), "").message());
}

std::string CheckServers(const std::string& servers) {
  WakeSignal signal;
  return std::string(ServerDirectory::Open(servers, &signal).status().message());
}

std::string CheckLearner(const std::string& address) {
  return std::string(ParseAddress(address).status().message());
}

void AddFlags(CLI::App& app, Flags* flags) {
  app.add_option("--learner", flags->actor.learner,
                 "Address of the learner, host:port or unix:/path.")
      ->required()
      ->check(CheckLearner);
  app.add_option("--env_servers", flags->actor.env_servers,
                 "Env servers: host:port,host:port | dns:name:port (every address of the name) | "
                 "file:PATH (one address a line, read again as it changes).")
      ->required()
      ->check(CheckServers);
  app.add_option("--name", flags->actor.name,
                 "This actor's name in the run; slots and exploration are seeded from it. One name "
                 "an actor: 1 to 64 letters, digits, '_', '.' or '-'.")
      ->check(CheckName)
      ->capture_default_str();
  app.add_option("--device", flags->device, "Where the policy runs: auto, cpu or cuda.")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  app.add_option("--threads", flags->threads, "Threads of LibTorch's matrix products.")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--connect_timeout_s", flags->connect_timeout_s,
                 "How long to look for the learner, and for any env server, at the start.")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app.add_option("--reconnect_timeout_s", flags->reconnect_timeout_s,
                 "How long to wait for the learner, or for any env server, once lost.")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app.add_option("--metrics_listen", flags->metrics_listen,
                 "Address of /metrics and /healthz; port 0: any free one; off: none.")
      ->check(CheckMetricsAddress)
      ->capture_default_str();
  app.add_flag("--metrics_remote", flags->metrics_remote,
               "Let --metrics_listen be other than loopback. Metrics carry no secrets, but anyone "
               "who reaches the port can read them.");
  app.add_option("--port_file", flags->port_file,
                 "Written once the actor has environments to step: a line '-', then the address of "
                 "/metrics.");
  AddTransportFlags(app, &flags->actor.transport);
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "actor: %s\n", std::string(status.message()).c_str());
  return 1;
}

int Main(int argc, char** argv) {
  RaiseOpenFilesLimit();
  Flags flags;
  flags.actor.name = DefaultName();
  CLI::App app("Steps environments with the newest policy and feeds the learner.", "actor");
  AddFlags(app, &flags);
  if (std::optional<int> status = ParseFlags(app, argc, argv)) return *status;
  flags.actor.connect_timeout = absl::Seconds(flags.connect_timeout_s);
  flags.actor.reconnect_timeout = absl::Seconds(flags.reconnect_timeout_s);
  const auto device = ParseDevice(flags.device);
  if (!device.ok()) return Fail(device.status());
  flags.actor.device = *device;

  auto shutdown = std::make_unique<ShutdownSignal>();  // Before any other thread.
  at::set_num_threads(flags.threads);
  MetricsRegistry registry("actor");
  ActorMetrics metrics(&registry);
  Actor actor(flags.actor, &metrics);
  std::unique_ptr<MetricsServer> metrics_server;
  if (flags.metrics_listen != "off") {
    auto server = MetricsServer::Start(flags.metrics_listen, flags.metrics_remote, &registry,
                                       [&actor] { return actor.Problem(); });
    if (!server.ok()) return Fail(server.status());
    metrics_server = *std::move(server);
  }
  const std::string metrics_address = metrics_server == nullptr ? "-" : metrics_server->address();
  shutdown->OnRequest([&actor] { actor.Stop(); });

  absl::Status port_file_status;
  const absl::Status status = actor.Run([&](const std::string& line) {
    std::printf("%s, metrics %s\n", line.c_str(),
                metrics_server == nullptr
                    ? "off"
                    : absl::StrCat("http://", metrics_address, "/metrics").c_str());
    std::fflush(stdout);
    if (flags.port_file.empty()) return;
    port_file_status = WritePortFile(flags.port_file, {"-", metrics_address});
    if (!port_file_status.ok()) actor.Stop();
  });
  shutdown.reset();  // No signal may reach the actor while it is destroyed.
  if (!status.ok()) return Fail(status);
  return port_file_status.ok() ? 0 : Fail(port_file_status);
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) { return armature::Main(argc, argv); }
