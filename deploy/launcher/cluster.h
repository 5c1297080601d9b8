// A learner, env servers and actors on this machine, as child processes.
//
// Starts learner and env servers; actors once those are ready (each child says
// so by its port file). With learner.replicas there are that many learners, each with
// its own actors; replica 0, learner-0, keeps the run directory and says when the run is
// over, replica i its own in replica_<i>/ there. What dies is started again with back-off, the
// learner from its checkpoint; learner and env servers keep their addresses, so that the others
// find them again. Ends when the learner has written result.json, when a child cannot be kept
// alive, or on Stop. Thread safety: belongs to the thread of the EventLoop.
#ifndef ARMATURE_DEPLOY_LAUNCHER_CLUSTER_H_
#define ARMATURE_DEPLOY_LAUNCHER_CLUSTER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/transport.h"
#include "deploy/launcher/child_process.h"
#include "deploy/launcher/event_loop.h"
#include "deploy/launcher/learner_status.h"
#include "deploy/launcher/progress_report.h"
#include "deploy/launcher/run_uploader.h"
#include "deploy/launcher/terminal.h"
#include "learner/run_config.h"

namespace armature {

class Cluster {
 public:
  struct Programs {
    std::string learner;
    // What cluster.env_server_command says, or our own; the path of the program,
    // then the flags that it gets before those that every env server gets.
    std::vector<std::string> envserver;
    std::string actor;
    std::vector<std::string> uploader;  // Where run.type=wandb; see RunUploader.
  };
  struct Options {
    RunConfig config;     // Validated.
    std::string run_dir;  // Absolute; exists.
    bool resume = false;  // Go on from run_dir's checkpoint, with its config.yaml.
    // What `config` has beyond config.yaml when it resumes, as key=value. config.yaml
    // keeps them once every process was ready with them.
    std::vector<std::string> overrides;
    std::string command;  // How the user starts the launcher, for advice.
    TransportOptions transport;
    Programs programs;
  };

  // From the first signal to a child to SIGKILL for those that still live.
  static constexpr absl::Duration kStopWithin = absl::Seconds(9);

  // `status`, `terminal` and `loop` must outlive it.
  Cluster(Options options, StatusSource* status, Terminal* terminal, EventLoop* loop);
  ~Cluster();

  // Runs to the end; the exit status of the launcher: 0 solved or, without a
  // target, finished; 1 not solved or failed; 128 + signal after Stop. The last
  // line on the terminal says which.
  int Run();

  // Ends the children in order, within kStopWithin.
  void Stop(int signal);

 private:
  enum class Role { kLearner, kEnvServer, kActor };
  struct Child {
    Role role;
    std::string name;     // "actor-0"
    int64_t replica = 0;  // Of learners, and of actors: whose.
    std::unique_ptr<ChildProcess> process;
    bool ready = false;
    bool was_ever_ready = false;
    int64_t starts = 0;
    int64_t lines_shown = 0;  // Since the last progress line.
    std::string last_words;   // What it said last, stack traces aside.
    std::string rpc_address;
    std::string metrics_address;
  };

  void Add(Role role, int64_t index, const std::string& program, int64_t replica);
  std::vector<std::string> Arguments(const Child& child) const;
  std::string LearnerFolder(const Child& child) const;
  std::vector<std::string> LearnerArguments(const Child& child) const;
  // For actors: those started here, then those that run already.
  std::string EnvServers() const;
  std::string PortPath(const Child& child) const;
  std::string LogPath(const Child& child) const;
  absl::Status Prepare();
  // The folder's config.yaml.
  absl::Status WriteConfig(const std::string& folder) const;
  void KeepOverrides();

  void Start(Child* child);
  void OnPortFiles();
  void OnReady(Child* child);
  void OnLine(Child* child, const std::string& line);
  void OnExit(Child* child, int wait_status);
  void OnNotReady(Child* child, int64_t start);
  void RestartLater(Child* child, const std::string& what_happened);
  void AskStatusLater();
  void OnStatus(int64_t replica, absl::StatusOr<v1::StatusResponse> status);
  void WritePrometheusTargets();

  void Finish();
  void Fail(const std::string& why);
  // `actors_end`: they were told that the run is over.
  void BeginStop(bool actors_end);
  void TerminateAll();
  void CheckStopped();
  bool IsOver() const;  // Whether the learner has written how it ended.
  bool AllReady(Role role) const;
  bool AnyRunning(Role role) const;

  const Options options_;
  StatusSource* const status_;
  Terminal* const terminal_;
  EventLoop* const loop_;

  std::vector<std::unique_ptr<Child>> children_;  // First the learners, by replica.
  RunUploader uploader_;
  ProgressReport progress_;
  int inotify_fd_ = -1;
  bool replicas_started_ = false;  // Those but the first.
  bool actors_started_ = false;
  bool all_ready_told_ = false;
  int64_t asking_ = 0;  // Learners that have not answered yet.
  std::vector<absl::StatusOr<v1::StatusResponse>> statuses_;  // By replica.
  bool stopping_ = false;
  bool terminating_ = false;
  int exit_status_ = 0;
  std::string last_line_;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_CLUSTER_H_
