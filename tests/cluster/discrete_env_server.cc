// An env server that is not //envserver, with flags of its own before those that
// every env server gets: what cluster.env_server_command starts in tests.
//
// Environment "cue": an observation says which choices are rewarded in this step, as a
// one-hot `cue` uint8 for each component of the action, joined. `--choices 3` makes the
// action a Discrete(3), `--choices 3 2` a MultiDiscrete. Reward: the share of components
// that are right; 20 steps an episode; the best return is 20.
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "common/cli/flags.h"
#include "common/cli/shutdown_signal.h"
#include "common/files/files.h"
#include "common/metrics/metrics.h"
#include "common/random/rng.h"
#include "common/rpc/rpc_server.h"
#include "common/rpc/transport.h"
#include "envserver/env/env_registry.h"
#include "envserver/service/deadline_timer.h"
#include "envserver/service/env_service.h"
#include "envserver/slots/step_pool.h"

namespace armature {
namespace {

class Cue : public Env {
 public:
  explicit Cue(const std::vector<int64_t>& choices) : cue_(choices.size()) {
    spec_.id = "cue";
    spec_.action.choices = choices;
    spec_.observation = {{"cue", v1::DTYPE_UINT8, {spec_.action.policy_size()}, {0}, {1}}};
    spec_.horizon = 20;
    spec_.control_period_s = 0.1;
    spec_.reward_low = 0;
    spec_.reward_high = 1;
  }

  const EnvSpec& spec() const override { return spec_; }

  void Reset(uint64_t seed, Observation& observation) override {
    rng_ = Rng({seed});
    Draw(observation);
  }

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    StepResult result;
    for (size_t i = 0; i < cue_.size(); ++i) {
      if (static_cast<int64_t>(action[i]) == cue_[i]) result.reward += 1.0 / cue_.size();
    }
    Draw(observation);
    return result;
  }

 private:
  void Draw(Observation& observation) {
    uint8_t* column = observation.Field<uint8_t>(0).data();
    for (size_t i = 0; i < cue_.size(); ++i) {
      const int64_t choices = spec_.action.choices[i];
      cue_[i] = rng_.Index(choices);
      for (int64_t choice = 0; choice < choices; ++choice) *column++ = choice == cue_[i];
    }
  }

  EnvSpec spec_;
  Rng rng_{0};
  std::vector<int64_t> cue_;  // The rewarded choice of each component.
};

struct Flags {
  std::vector<int64_t> choices;
  std::string listen, metrics_listen, port_file, name;
  TransportOptions transport;
};

absl::Status Serve(const Flags& flags, ShutdownSignal* shutdown) {
  EnvRegistry registry;
  absl::Status status = registry.Register(
      "cue", "Discrete actions", [&flags](const EnvConfig&) -> auto{
        return absl::StatusOr<std::unique_ptr<Env>>(std::make_unique<Cue>(flags.choices));
      });
  if (!status.ok()) return status;
  MetricsRegistry metrics("envserver");
  StepPool pool({/*threads=*/1, absl::Seconds(10)});
  DeadlineTimer timer;
  EnvServiceOptions options;
  options.server_name = flags.name;
  EnvService service(options, &registry, &pool, &timer, &metrics);
  const auto server = RpcServer::Start({flags.listen}, flags.transport, {&service});
  if (!server.ok()) return server.status();
  auto metrics_server =
      MetricsServer::Start(flags.metrics_listen, /*remote=*/false, &metrics, [] { return ""; });
  if (!metrics_server.ok()) return metrics_server.status();
  status = WritePortFile(flags.port_file, {(*server)->address(), (*metrics_server)->address()});
  if (status.ok()) shutdown->Wait();
  service.EndSessions();
  (*server)->Shutdown(absl::Now());
  return status;
}

int Main(int argc, char** argv) {
  ShutdownSignal shutdown;
  CLI::App app("Hosts the environment 'cue' for tests.", "discrete_env_server");
  Flags flags;
  app.add_option("--choices", flags.choices, "Of each component of the action.")->required();
  app.add_option("--listen", flags.listen)->required();
  app.add_option("--metrics_listen", flags.metrics_listen)->required();
  app.add_option("--port_file", flags.port_file)->required();
  app.add_option("--name", flags.name)->required();
  AddTransportFlags(app, &flags.transport);
  if (const std::optional<int> status = ParseFlags(app, argc, argv)) return *status;
  const absl::Status status = Serve(flags, &shutdown);
  if (status.ok()) return 0;
  std::cerr << "discrete_env_server: " << status.message() << std::endl;
  return 1;
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) { return armature::Main(argc, argv); }
