// Runs a learner, env servers and actors on this machine as child processes.
//
// Starts learner and env servers first, then, once they are ready, the actors. Each child reports
// that it is ready by writing its port file. With learner.replicas there are that many learners,
// each with its own actors. Replica 0 (learner-0) owns the run directory and decides when the run
// is over; replica i uses the subfolder replica_<i>/.
// A child that dies, or freezes and is killed, is restarted with back-off, the learner from its
// checkpoint. Learner and env servers keep their addresses, so that the others find them again:
// unix sockets in a folder that only this user may enter. learner.listen is for actors on other
// machines.
// Ends when the learner has written result.json (after that nothing is restarted), when a child
// cannot be kept alive, or on Stop.
// Thread safety: belongs to the thread of the EventLoop.
#ifndef ARMATURE_DEPLOY_LAUNCHER_CLUSTER_H_
#define ARMATURE_DEPLOY_LAUNCHER_CLUSTER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/rpc/private_folder.h"
#include "deploy/launcher/child_commands.h"
#include "deploy/launcher/cluster_options.h"
#include "deploy/launcher/process/child_process.h"
#include "deploy/launcher/process/event_loop.h"
#include "deploy/launcher/process/health_watch.h"
#include "deploy/launcher/process/restart_budget.h"
#include "deploy/launcher/report/learner_status.h"
#include "deploy/launcher/report/progress_report.h"
#include "deploy/launcher/report/terminal.h"
#include "deploy/launcher/run_follower.h"

namespace armature {

class Cluster {
 public:
  using Programs = ClusterPrograms;
  using Options = ClusterOptions;

  // All pointers must outlive this.
  Cluster(Options options, StatusSource* status, HealthSource* health, Terminal* terminal,
          EventLoop* loop);
  ~Cluster();

  // Runs to the end and returns the launcher's exit status: 0 if solved or, without a target,
  // finished; 1 if not solved or failed; 128 + signal after Stop. The last line on the terminal
  // says which and, if the run is not over, what was saved.
  int Run();

  // Ends the children in order and waits until the learner has saved. A run that is over ends as
  // usual.
  void Stop(int signal);
  // After Stop: stop waiting. What has not been saved is lost.
  void GiveUp();

 private:
  enum class Role { kLearner, kEnvServer, kActor };
  struct Child {
    Child(Role role, std::string name, int64_t replica, const RestartBudget::Options& budget)
        : role(role), name(std::move(name)), replica(replica), budget(budget) {}

    Role role;
    std::string name;     // "actor-0"
    int64_t replica = 0;  // Of this learner, or of this actor's learner.
    std::unique_ptr<ChildProcess> process;
    std::unique_ptr<HealthWatch> health;
    RestartBudget budget;
    bool ready = false;
    bool was_ever_ready = false;
    int64_t starts = 0;
    int64_t lines_shown = 0;  // Since the last progress line.
    std::string last_words;   // Its last output, except stack traces.
    std::string why_killed;   // Set if the launcher killed it.
    std::string rpc_address;
    std::string metrics_address;
  };

  void Add(Role role, int64_t index, const std::string& program, int64_t replica);
  std::vector<std::string> Arguments(const Child& child) const;
  // Of the env servers started here.
  std::vector<std::string> EnvServers() const;
  std::string LogPath(const Child& child) const;
  std::string ResultPath() const;
  absl::Status Prepare();
  // Writes config.yaml into the folder.
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

  // `actors_end`: the actors were told that the run is over, so they exit by themselves.
  void Finish(bool actors_end);
  absl::Status TakeResult();
  // `as_it_is`: the run can be resumed without changes.
  void Fail(const std::string& why, bool as_it_is = true);
  void BeginStop(bool actors_end);
  void TerminateOthers();
  void TerminateLearners();
  void OnStatusOfStop();
  void CheckStopped();
  void Conclude();
  std::string LastLine() const;
  bool IsOver() const;  // Whether the learner has written its result.
  bool AllReady(Role role) const;
  bool AnyRunning(Role role) const;

  const Options options_;
  StatusSource* const status_;
  HealthSource* const health_;
  Terminal* const terminal_;
  EventLoop* const loop_;

  std::unique_ptr<PrivateFolder> sockets_;        // Set by Prepare; outlives the children.
  std::optional<ChildCommands> commands_;         // Set by Prepare.
  std::vector<std::unique_ptr<Child>> children_;  // Learners first, by replica.
  std::vector<std::unique_ptr<RunFollower>> followers_;
  ProgressReport progress_;
  int inotify_fd_ = -1;
  bool replicas_started_ = false;  // All except replica 0.
  bool actors_started_ = false;
  bool all_ready_told_ = false;
  std::string starting_;  // Who was awaited, as last reported.
  int64_t asking_ = 0;    // Learners that have not answered yet.
  std::vector<absl::StatusOr<v1::StatusResponse>> statuses_;  // By replica.
  std::vector<uint64_t> env_steps_;                           // By replica, as last reported.
  std::string result_before_;                                 // Result before the resume.

  bool stopping_ = false;
  bool terminating_ = false;  // Actors and env servers are being terminated.
  bool terminating_learners_ = false;
  std::string saving_;  // The learners' last report on saving; since saving_since_.
  RestartBudget::Time saving_since_;
  int exit_status_ = 0;
  std::string outcome_;      // First part of the last line.
  bool is_over_ = false;     // The run is over; otherwise the last line says what was saved.
  bool is_stopped_ = false;  // The run was stopped and can continue.
  bool goes_on_ = true;      // --resume works without changes.
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_CLUSTER_H_
