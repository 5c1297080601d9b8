// Runs a verb: provides an env server and its environment, and handles the end.
//
// Starts the env server of the configuration, unless existing ones are given. The calling thread
// handles the server and signals while a second thread plays. A second signal ends the process at
// once; the kernel then kills the child.
// Thread safety: one per process; call Run on the thread that created it, before starting other
// threads.
#ifndef ARMATURE_DEPLOY_VERBS_STAGE_H_
#define ARMATURE_DEPLOY_VERBS_STAGE_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/cli/shutdown_signal.h"
#include "common/rpc/private_folder.h"
#include "common/rpc/transport.h"
#include "common/run_config/run_config.h"
#include "common/spec/env_spec.h"
#include "common/sync/wake_signal.h"
#include "deploy/launcher/process/event_loop.h"
#include "deploy/launcher/report/terminal.h"
#include "deploy/verbs/env_server_process.h"
#include "grpcpp/channel.h"

namespace armature {

class Stage {
 public:
  struct Options {
    RunConfig config;         // Its environment and cluster sections are used.
    std::string env_servers;  // A list for ServerDirectory; empty: from the configuration.
    // Command that starts an env server; from EnvServerProgram.
    std::vector<std::string> env_server_program;
    TransportOptions transport;
  };
  // An environment that is ready to use.
  struct Scene {
    std::shared_ptr<grpc::Channel> channel;
    std::string address;
    EnvSpec spec;
    WakeSignal* signal;  // Wakes a wait so that it checks `cancelled`.
    std::function<bool()> cancelled;
    // Waits; returns early if cancelled.
    std::function<void(absl::Duration)> pause;
    // Shows a line that replaces the previous one.
    std::function<void(const std::string& line)> progress;
  };
  using Play = std::function<absl::Status(const Scene&)>;

  // `terminal` must outlive this.
  Stage(Options options, Terminal* terminal);

  // Runs `play` on a second thread. Returns when it has returned and the env server has ended.
  // Returns the result of `play`; InvalidArgument or NotFound if the environment, its configuration
  // or address is wrong; Unavailable if no server answers, or ours ended; Cancelled after a signal.
  absl::Status Run(const Play& play);

  // The signal that ended Run; 0: none.
  int signal() const { return shutdown_.signal(); }

 private:
  // Starts the env server, or the player if servers are given.
  absl::Status Begin();
  void StartPlayer(const std::string& servers);
  absl::StatusOr<Scene> Find(const std::string& servers);
  void OnPlayed(const absl::Status& status);
  void Finish(const absl::Status& status);
  void OnServerEnd(const absl::Status& status);

  const Options options_;
  Terminal* const terminal_;
  ShutdownSignal shutdown_;  // Declared before the members that start threads.
  WakeSignal signal_;
  EventLoop loop_;
  std::unique_ptr<PrivateFolder> sockets_;  // Outlives the server.
  EnvServerProcess server_;
  const Play* play_ = nullptr;
  std::thread player_;
  bool has_server_ = false;
  bool finished_ = false;
  absl::Status broken_;  // The player's error, until its cause is known.
  absl::Status lost_;    // Why the env server ended too early.
  absl::Status status_;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_VERBS_STAGE_H_
