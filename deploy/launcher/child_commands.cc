#include "deploy/launcher/child_commands.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/rpc/address.h"
#include "deploy/launcher/programs.h"

namespace armature {
namespace {

// Share of ready_timeout_s that an actor has to find its peers, so that it can say which one is
// missing before the launcher only reports that it is not ready.
constexpr double kConnectWithin = 0.8;

// The configured ports are for replica 0.
std::string WithAnyPort(const std::string& listen) { return BoundAddress(listen, 0); }

}  // namespace

std::string ChildCommands::LearnerName(int64_t replica) {
  return absl::StrCat("learner-", replica);
}

std::string ChildCommands::LearnerFolder(int64_t replica) const {
  return replica == 0 ? options_.run_dir : absl::StrCat(options_.run_dir, "/replica_", replica);
}

std::string ChildCommands::PortPath(const std::string& name) const {
  return absl::StrCat(options_.run_dir, "/ports/", name);
}

std::string ChildCommands::SocketAddress(const std::string& name) const {
  return sockets_.SocketAddress(name);
}

std::vector<std::string> ChildCommands::Learner(int64_t replica, bool goes_on,
                                                const std::string& last_address) const {
  const bool is_first = replica == 0;
  const std::string folder = LearnerFolder(replica);
  std::error_code ignored;
  // A replica that was added on resume starts from scratch.
  const bool has_run = is_first || std::filesystem::exists(folder + "/config.yaml", ignored);
  std::vector<std::string> arguments = {options_.programs.learner};
  if (goes_on || (options_.resume && has_run)) {
    arguments.insert(arguments.end(), {"--resume", folder});
  } else {
    arguments.insert(arguments.end(), {options_.run_dir + "/config.yaml", "--run_dir", folder});
  }
  arguments.insert(arguments.end(), options_.overrides.begin(), options_.overrides.end());
  const LearnerSection& learner = options_.config.learner;
  if (!is_first) {
    arguments.insert(
        arguments.end(),
        {"--replica", absl::StrCat(replica), "--replica_host", SocketAddress(LearnerName(0)),
         absl::StrCat("learner.metrics_listen=", WithAnyPort(learner.metrics_listen))});
  }
  if (learner.listen != LearnerSection::kAuto && !last_address.empty()) {
    arguments.push_back(absl::StrCat("learner.listen=", last_address));
  } else if (learner.listen != LearnerSection::kAuto && !is_first) {
    arguments.push_back(absl::StrCat("learner.listen=", WithAnyPort(learner.listen)));
  }
  const std::string name = LearnerName(replica);
  arguments.insert(arguments.end(), {"--socket", SocketAddress(name)});
  return WithCommonFlags(std::move(arguments), name);
}

std::vector<std::string> ChildCommands::EnvServer(const std::string& name,
                                                  const std::string& last_address) const {
  const std::vector<std::string>& program = options_.programs.envserver;
  const ClusterSection& cluster = options_.config.cluster;
  const std::string listen =
      last_address.empty() ? EnvServerListen(program, cluster, SocketAddress(name)) : last_address;
  return WithCommonFlags(EnvServerArguments(program, cluster, listen, name), name);
}

std::vector<std::string> ChildCommands::Actor(const std::string& name, int64_t replica,
                                              std::vector<std::string> env_servers) const {
  const RunConfig& config = options_.config;
  const std::string& external = config.cluster.external_env_servers;
  if (!external.empty()) env_servers.push_back(external);
  return WithCommonFlags(
      {options_.programs.actor, "--learner", SocketAddress(LearnerName(replica)), "--env_servers",
       absl::StrJoin(env_servers, ","), "--name", name, "--device", config.actor.device,
       "--threads", absl::StrCat(config.actor.threads), "--connect_timeout_s",
       absl::StrCat(kConnectWithin * config.cluster.ready_timeout_s)},
      name);
}

std::vector<std::string> ChildCommands::WithCommonFlags(std::vector<std::string> arguments,
                                                        const std::string& name) const {
  arguments.insert(arguments.end(), {"--port_file", PortPath(name)});
  const std::vector<std::string> flags = TransportFlags(options_.transport);
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return arguments;
}

}  // namespace armature
