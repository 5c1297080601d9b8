// A learner, env servers and actors on this machine, as child processes.
//
// Starts learner and env servers; actors once those are ready (each child says
// so by its port file). With learner.replicas there are that many learners, each with
// its own actors; replica 0, learner-0, keeps the run directory and says when the run is
// over, replica i its own in replica_<i>/ there. What dies, or is frozen and so killed, is
// started again with back-off, the learner from its checkpoint; learner and env servers keep
// their addresses, so that the others find them again. They are reached by unix sockets in a
// folder that only this user may enter; learner.listen is for actors of other machines. Ends
// when the learner has written result.json, after which nothing is started again; when a child
// cannot be kept alive; or on Stop. Thread safety: belongs to the thread of the EventLoop.
#ifndef ARMATURE_DEPLOY_LAUNCHER_CLUSTER_H_
#define ARMATURE_DEPLOY_LAUNCHER_CLUSTER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/private_folder.h"
#include "common/rpc/transport.h"
#include "common/run_config/run_config.h"
#include "deploy/launcher/process/child_process.h"
#include "deploy/launcher/process/event_loop.h"
#include "deploy/launcher/process/health_watch.h"
#include "deploy/launcher/process/restart_budget.h"
#include "deploy/launcher/report/learner_status.h"
#include "deploy/launcher/report/progress_report.h"
#include "deploy/launcher/report/terminal.h"
#include "deploy/launcher/run_uploader.h"

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
    // A stop waits for a learner for as long as it comes further with what it writes; one
    // that does not for so long is killed.
    absl::Duration save_stall_max = absl::Minutes(2);
    // From SIGTERM to SIGKILL for actors and env servers, which have nothing to write.
    absl::Duration stop_within = absl::Seconds(6);
  };

  // All pointers must outlive it.
  Cluster(Options options, StatusSource* status, HealthSource* health, Terminal* terminal,
          EventLoop* loop);
  ~Cluster();

  // Runs to the end; the exit status of the launcher: 0 solved or, without a
  // target, finished; 1 not solved or failed; 128 + signal after Stop. The last
  // line on the terminal says which, and, where the run is not over, what was saved.
  int Run();

  // Ends the children in order, and waits for what the learner writes. A run that is over
  // ends as it does without.
  void Stop(int signal);
  // After Stop: waits no longer. What is not written is lost.
  void GiveUp();

 private:
  enum class Role { kLearner, kEnvServer, kActor };
  struct Child {
    Child(Role role, std::string name, int64_t replica, const RestartBudget::Options& budget)
        : role(role), name(std::move(name)), replica(replica), budget(budget) {}

    Role role;
    std::string name;     // "actor-0"
    int64_t replica = 0;  // Of learners, and of actors: whose.
    std::unique_ptr<ChildProcess> process;
    std::unique_ptr<HealthWatch> health;
    RestartBudget budget;
    bool ready = false;
    bool was_ever_ready = false;
    int64_t starts = 0;
    int64_t lines_shown = 0;  // Since the last progress line.
    std::string last_words;   // What it said last, stack traces aside.
    std::string why_killed;   // By the launcher; empty: it was not.
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
  // Where processes of this machine reach a learner or an env server of ours, whatever other
  // address it has.
  std::string SocketAddress(const Child& child) const;
  std::string LogPath(const Child& child) const;
  std::string ResultPath() const;
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
  void OnFrozen(Child* child);
  void RestartLater(Child* child, const std::string& what_happened);
  void AskStatusLater();
  void TellStarting();
  void AskStatus();
  void OnStatus(int64_t replica, absl::StatusOr<v1::StatusResponse> status);
  void TellPrometheus();

  // `actors_end`: they were told that the run is over.
  void Finish(bool actors_end);
  absl::Status TakeResult();
  // `as_it_is`: the run can go on without a change.
  void Fail(const std::string& why, bool as_it_is = true);
  void BeginStop(bool actors_end);
  void TerminateOthers();
  void TerminateLearners();
  void OnStatusOfStop();
  void CheckStopped();
  void Conclude();
  std::string LastLine() const;
  bool IsOver() const;  // Whether the learner has written how it ended.
  bool AllReady(Role role) const;
  bool AnyRunning(Role role) const;

  const Options options_;
  StatusSource* const status_;
  HealthSource* const health_;
  Terminal* const terminal_;
  EventLoop* const loop_;

  std::unique_ptr<PrivateFolder> sockets_;        // From Prepare on; outlives the children.
  std::vector<std::unique_ptr<Child>> children_;  // First the learners, by replica.
  RunUploader uploader_;
  ProgressReport progress_;
  int inotify_fd_ = -1;
  bool replicas_started_ = false;  // Those but the first.
  bool actors_started_ = false;
  bool all_ready_told_ = false;
  std::string starting_;  // Who was waited for, as last told.
  int64_t asking_ = 0;    // Learners that have not answered yet.
  std::vector<absl::StatusOr<v1::StatusResponse>> statuses_;  // By replica.
  std::vector<uint64_t> env_steps_;                           // By replica, as last told.
  std::string result_before_;                                 // Of a run that is made to go on.

  bool stopping_ = false;
  bool terminating_ = false;  // Actors and env servers.
  bool terminating_learners_ = false;
  std::string saving_;  // What the learners last said of it, and since when.
  RestartBudget::Time saving_since_;
  int exit_status_ = 0;
  std::string outcome_;      // Begins the last line.
  bool is_over_ = false;     // The run; else the last line tells what was saved.
  bool is_stopped_ = false;  // And can go on.
  bool goes_on_ = true;      // As it is, by --resume.
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_CLUSTER_H_
