#include "deploy/verbs/stage.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/env_client/describe_env.h"
#include "common/env_client/server_directory.h"
#include "common/sync/steady_time.h"
#include "deploy/launcher/programs.h"

namespace armature {
namespace {

// Time limit for a name or a file to give addresses.
constexpr absl::Duration kFindTimeout = absl::Seconds(5);
// Time from a broken stream to the end of the server that caused it.
constexpr absl::Duration kEndTimeout = absl::Seconds(1);

}  // namespace

Stage::Stage(Options options, Terminal* terminal)
    : options_(std::move(options)),
      terminal_(terminal),
      server_(&loop_, {[this](absl::StatusOr<std::string> address) {
                         if (finished_) return;
                         if (address.ok()) {
                           StartPlayer(*address);
                         } else {
                           Finish(address.status());
                         }
                       },
                       [this](const std::string& line) { terminal_->Warning(line); },
                       [this](const absl::Status& status) { OnServerEnd(status); }}) {}

absl::Status Stage::Run(const Play& play) {
  play_ = &play;
  shutdown_.OnRequest([this] {
    signal_.Notify();
    loop_.Post([this] {
      // A player that has begun will notice it.
      if (!player_.joinable()) Finish(absl::CancelledError());
    });
  });
  if (absl::Status status = Begin(); !status.ok()) return status;
  loop_.Run();
  if (player_.joinable()) player_.join();
  return status_;
}

absl::Status Stage::Begin() {
  const ClusterSection& cluster = options_.config.cluster;
  const std::string& servers =
      options_.env_servers.empty() ? cluster.external_env_servers : options_.env_servers;
  if (!options_.env_servers.empty() || cluster.env_servers == 0) {
    StartPlayer(servers);
    return absl::OkStatus();
  }
  absl::StatusOr<std::unique_ptr<PrivateFolder>> sockets = PrivateFolder::Make();
  if (!sockets.ok()) return sockets.status();
  sockets_ = *std::move(sockets);
  constexpr char kName[] = "envserver-0";
  const std::vector<std::string>& program = options_.env_server_program;
  std::vector<std::string> arguments = EnvServerArguments(
      program, cluster, EnvServerListen(program, cluster, sockets_->SocketAddress(kName)), kName);
  const std::vector<std::string> flags = TransportFlags(options_.transport);
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  has_server_ = true;
  return server_.Start(std::move(arguments), absl::Seconds(cluster.ready_timeout_s));
}

void Stage::StartPlayer(const std::string& servers) {
  player_ = std::thread([this, servers] {
    const absl::StatusOr<Scene> scene = Find(servers);
    const absl::Status status = scene.ok() ? (*play_)(*scene) : scene.status();
    loop_.Post([this, status] { OnPlayed(status); });
  });
}

absl::StatusOr<Stage::Scene> Stage::Find(const std::string& servers) {
  const auto directory = ServerDirectory::Open(servers, &signal_);
  if (!directory.ok()) return directory.status();
  const absl::Time deadline = SteadyTime() + kFindTimeout;
  std::vector<std::string> addresses = (*directory)->addresses();
  while (addresses.empty() && !shutdown_.requested() && SteadyTime() < deadline) {
    signal_.WaitUntil(deadline);
    addresses = (*directory)->addresses();
  }
  if (shutdown_.requested()) return absl::CancelledError();
  absl::Status last =
      absl::UnavailableError(absl::StrCat("env servers ", servers, ": ", (*directory)->problem()));
  for (const std::string& address : addresses) {
    const auto channel = MakeChannel(address, options_.transport);
    if (!channel.ok()) return channel.status();
    const EnvironmentSection& environment = options_.config.environment;
    absl::StatusOr<EnvSpec> spec = DescribeEnv(
        *channel, address, environment.id, environment.config,
        [this] { return shutdown_.requested(); }, &signal_, options_.transport);
    if (absl::IsCancelled(spec.status())) return spec.status();
    if (spec.ok()) {
      return Scene{*channel,
                   address,
                   *std::move(spec),
                   &signal_,
                   [this] { return shutdown_.requested(); },
                   [this](absl::Duration duration) { shutdown_.WaitFor(duration); },
                   [this](const std::string& line) {
                     loop_.Post([this, line] { terminal_->Progress(line); });
                   }};
    }
    last = spec.status();
  }
  return last;
}

void Stage::OnPlayed(const absl::Status& status) {
  if (!has_server_ || !absl::IsUnavailable(status) || !lost_.ok()) {
    Finish(status);
    return;
  }
  // When a server dies, its stream breaks before the cause of its death is known.
  broken_ = status;
  loop_.After(kEndTimeout, [this] { Finish(broken_); });
}

void Stage::Finish(const absl::Status& status) {
  if (std::exchange(finished_, true)) return;
  // The session only knows that its stream broke.
  status_ = status.ok() || absl::IsCancelled(status) || lost_.ok() ? status : lost_;
  if (has_server_) {
    server_.Stop();
  } else {
    loop_.Stop();
  }
}

void Stage::OnServerEnd(const absl::Status& status) {
  lost_ = status;
  if (finished_) {
    loop_.Stop();
  } else if (!broken_.ok()) {
    Finish(broken_);
  }  // Otherwise the player notices it and finishes.
}

}  // namespace armature
