// Where a verb plays: an env server, its environment, and what ends it.
//
// Starts the env server that the configuration asks for, unless some run already;
// the calling thread attends to it and to signals while a second one plays. A
// second signal ends the process at once, and the kernel its child with it.
// Thread safety: one a process; Run on the thread that made it, before any other.
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
    std::string env_servers;  // As ServerDirectory reads it; empty: the configuration's.
    // What starts an env server: from EnvServerProgram.
    std::vector<std::string> env_server_program;
    TransportOptions transport;
  };
  // An environment that answers.
  struct Scene {
    std::shared_ptr<grpc::Channel> channel;
    std::string address;
    EnvSpec spec;
    WakeSignal* signal;  // Wakes who waits, for `cancelled` to be asked.
    std::function<bool()> cancelled;
    // Waits; returns early where cancelled.
    std::function<void(absl::Duration)> pause;
    // Shows one line in place of the one before.
    std::function<void(const std::string& line)> progress;
  };
  using Play = std::function<absl::Status(const Scene&)>;

  // `terminal` must outlive it.
  Stage(Options options, Terminal* terminal);

  // Runs `play` on a thread of its own and returns when it has and the env server
  // is gone. What play returned; InvalidArgument or NotFound: the environment, its
  // configuration or the address is wrong; Unavailable: no server answers, or ours
  // ended; Cancelled: a signal.
  absl::Status Run(const Play& play);

  // That ended Run; 0: none.
  int signal() const { return shutdown_.signal(); }

 private:
  // Starts the env server, or the player where some run already.
  absl::Status Begin();
  void StartPlayer(const std::string& servers);
  absl::StatusOr<Scene> Find(const std::string& servers);
  void OnPlayed(const absl::Status& status);
  void Finish(const absl::Status& status);
  void OnServerEnd(const absl::Status& status);

  const Options options_;
  Terminal* const terminal_;
  ShutdownSignal shutdown_;  // First of those that have threads.
  WakeSignal signal_;
  EventLoop loop_;
  std::unique_ptr<PrivateFolder> sockets_;  // Outlives the server.
  EnvServerProcess server_;
  const Play* play_ = nullptr;
  std::thread player_;
  bool has_server_ = false;
  bool finished_ = false;
  absl::Status broken_;  // What the player met, while it is not known why.
  absl::Status lost_;    // Why the env server ended while it was needed.
  absl::Status status_;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_VERBS_STAGE_H_
