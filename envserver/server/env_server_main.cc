#include "envserver/server/env_server_main.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/cli/available_cpus.h"
#include "common/cli/flags.h"
#include "common/cli/open_files.h"
#include "common/cli/shutdown_signal.h"
#include "common/files/files.h"
#include "common/metrics/metrics.h"
#include "common/rpc/rpc_server.h"
#include "common/rpc/transport.h"
#include "common/sync/steady_time.h"
#include "common/sync/wake_signal.h"
#include "envserver/service/deadline_timer.h"
#include "envserver/service/env_service.h"
#include "envserver/slots/step_pool.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

// Time limits: for telling clients that the server ends, and for the whole shutdown.
constexpr absl::Duration kHearTimeout = absl::Seconds(1);
constexpr absl::Duration kCloseTimeout = absl::Seconds(4);

struct Flags {
  std::string listen = "127.0.0.1:5557";
  std::string metrics_listen = "127.0.0.1:0";
  bool metrics_remote = false;
  std::string name;
  int64_t slots = 1024;
  int64_t threads = 0;
  double lease_s = 30;
  double step_timeout_s = 10;
  int64_t hung_calls_max = 16;
  std::string port_file;
  bool list = false;
  TransportOptions transport;
};

void AddFlags(CLI::App& app, Flags* flags) {
  app.add_option(
         "--listen", flags->listen,
         "Address for actors, host:port or unix:/path; port 0 takes a free one and prints it. "
         "Where other machines reach it, it needs the flags under Security.")
      ->check(CheckListenAddress)
      ->capture_default_str();
  app.add_option("--metrics_listen", flags->metrics_listen,
                 "Address of /metrics and /healthz, or off.")
      ->check(CheckMetricsAddress)
      ->capture_default_str();
  app.add_flag("--metrics_remote", flags->metrics_remote,
               "Let --metrics_listen be other than loopback. Metrics carry no secrets, but anyone "
               "who reaches the port can read them.");
  app.add_option("--name", flags->name,
                 "What messages call this server: letters, digits, '_', '.', '-'; default "
                 "envserver-PORT, or -PID with port 0 or a unix socket.");
  app.add_option("--slots", flags->slots,
                 "Environments hosted at once, over all sessions; more are refused.")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option(
         "--threads", flags->threads,
         "Threads that run environments; 0: one for each CPU that this process may use (its "
         "affinity, its container's quota).")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--lease_s", flags->lease_s,
                 "Seconds that a client may be silent before it loses its environments.")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  app.add_option("--step_timeout_s", flags->step_timeout_s,
                 "Seconds after which a call into an environment counts as hung: its slot gets a "
                 "new environment, its thread is given up.")
      ->check(CLI::Range(0.01, double{v1::ENV_LIMIT_START_S}))
      ->capture_default_str();
  app.add_option("--hung_calls_max", flags->hung_calls_max,
                 "With more calls than this hanging, sessions end where another one hangs, and no "
                 "new ones are opened.")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--port_file", flags->port_file,
                 "Written once the server is ready: a line with its address, then one with that of "
                 "/metrics.");
  app.add_flag("--list", flags->list,
               "Print the environments and the wrappers, with the keys of environment.config that "
               "each knows, and end.");
  AddTransportFlags(app, &flags->transport);
}

std::string ServerName(const Flags& flags) {
  if (!flags.name.empty()) return flags.name;
  const absl::StatusOr<Address> address = ParseListenAddress(flags.listen);
  const int port = address.ok() ? address->port : 0;
  return absl::StrCat("envserver-", port == 0 ? getpid() : port);
}

void PrintKeys(const std::vector<KeyDescription>& keys) {
  for (const KeyDescription& key : keys) {
    std::cout << "  " << key.key << " = " << key.value << "  (" << key.type
              << (key.limits.empty() ? "" : ", ") << key.limits << ")\n      " << key.doc << "\n";
  }
}

void List(const EnvRegistry& registry) {
  for (const std::string& id : registry.env_ids()) {
    std::cout << id << ": " << registry.description(id) << "\n";
    PrintKeys(registry.keys(id));
  }
  std::cout << "\nWrappers of any of them; the key `wrappers` lists them, innermost first:\n";
  for (const std::string& name : registry.wrapper_names()) {
    std::cout << name << ": " << registry.wrapper_description(name) << "\n";
    PrintKeys(registry.wrapper_keys(name));
  }
}

// Returns only if it cannot start. Once it serves, it exits the process itself, so that a hung
// simulator cannot delay that and its thread cannot outlive what it uses.
absl::Status Serve(const Flags& flags, const EnvRegistry& registry, ShutdownSignal* shutdown) {
  MetricsRegistry metrics("envserver");
  StepPool pool(
      {flags.threads > 0 ? flags.threads : AvailableCpus(), absl::Seconds(flags.step_timeout_s)});
  DeadlineTimer timer;
  EnvServiceOptions options;
  options.server_name = ServerName(flags);
  options.slots_total = flags.slots;
  options.lease = absl::Seconds(flags.lease_s);
  options.abandoned_max = flags.hung_calls_max;
  EnvService service(options, &registry, &pool, &timer, &metrics);

  const auto server = RpcServer::Start({flags.listen}, flags.transport, {&service});
  if (!server.ok()) return server.status();
  std::unique_ptr<MetricsServer> metrics_server;
  if (flags.metrics_listen != "off") {
    auto started = MetricsServer::Start(
        flags.metrics_listen, flags.metrics_remote, &metrics,
        [&pool, &flags, shutdown]() -> std::string {
          if (shutdown->requested()) return "the env server stops";
          const int64_t hung = pool.abandoned();
          return hung > flags.hung_calls_max ? absl::StrCat(hung, " simulator calls hang") : "";
        });
    if (!started.ok()) return started.status();
    metrics_server = *std::move(started);
  }
  PortFile ports{(*server)->address(), metrics_server == nullptr ? "-" : metrics_server->address()};
  if (!flags.port_file.empty()) {
    if (absl::Status status = WritePortFile(flags.port_file, ports); !status.ok()) return status;
  }
  std::cout << "envserver ready on " << ports.rpc_address << ", metrics "
            << (metrics_server == nullptr
                    ? "off"
                    : absl::StrCat("http://", ports.metrics_address, "/metrics"))
            << ", " << pool.threads() << (pool.threads() == 1 ? " thread" : " threads")
            << ", environments: " << absl::StrJoin(registry.env_ids(), ", ") << std::endl;

  shutdown->Wait();
  (*server)->Drain();
  WakeSignal closed;
  std::thread close([&] {
    service.EndSessions();
    (*server)->Shutdown(absl::Now() + kHearTimeout);
    closed.Notify();
  });
  closed.WaitUntil(SteadyTime() + kCloseTimeout);
  std::cout << "envserver stopped" << std::endl;
  spdlog::shutdown();
  std::_Exit(0);
}

}  // namespace

int EnvServerMain(int argc, char** argv, const RegisterEnvs& register_envs,
                  const std::function<void(CLI::App&)>& add_flags) {
  RaiseOpenFilesLimit();
  ShutdownSignal shutdown;
  // This process reports a port that is taken in one line, so gRPC's messages are not needed.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  EnterUsersFolder();
  CLI::App app("Hosts simulated environments for actors, over gRPC.", "envserver");
  Flags flags;
  AddFlags(app, &flags);
  if (add_flags != nullptr) add_flags(app);
  if (const std::optional<int> exit_status = ParseFlags(app, argc, argv)) return *exit_status;
  EnvRegistry registry;
  absl::Status status = RegisterBuiltinWrappers(registry);
  status.Update(register_envs(registry));
  if (status.ok() && flags.list) {
    List(registry);
    return 0;
  }
  if (status.ok()) status = Serve(flags, registry, &shutdown);
  std::cerr << "envserver: " << status.message() << std::endl;
  return 1;
}

}  // namespace armature
