#include "deploy/launcher/cluster.h"

#include <signal.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/files/atomic_file.h"
#include "common/files/files.h"
#include "common/rpc/address.h"
#include "common/sync/steady_time.h"
#include "deploy/launcher/prometheus_targets.h"
#include "deploy/launcher/report/run_result.h"
#include "learner/run/run_state.h"

namespace armature {
namespace {

constexpr absl::Duration kRestartBackoffMax = absl::Seconds(10);
// Log lines of one child shown between two progress lines; its log has all of them.
constexpr int64_t kComplaintsShownMax = 5;
// Exit status of a child that would only fail again: bad flags or configuration, or
// (learner/exit_status.h) a run that cannot continue.
constexpr int kUsageError = 2;

// Whether a line belongs to a stack trace that LibTorch appends to an error.
bool IsStackTrace(const std::string& line) {
  return absl::StartsWith(line, "frame #") || absl::StartsWith(line, "Exception raised from");
}

// Returns the local address of a process that listens on all interfaces.
std::string LocalAddress(const std::string& address) {
  return IsEverywhere(address) ? absl::StrCat("127.0.0.1", address.substr(address.rfind(':')))
                               : address;
}

std::string Said(const std::string& last_words) {
  return last_words.empty() ? "it said nothing" : absl::StrCat("its last line: ", last_words);
}

RestartBudget::Options BudgetOptions(const ClusterSection& cluster) {
  return {cluster.restarts_max, absl::Seconds(cluster.restart_window_s),
          absl::Seconds(cluster.restart_backoff_s), kRestartBackoffMax};
}

}  // namespace

Cluster::Cluster(Options options, StatusSource* status, HealthSource* health, Terminal* terminal,
                 EventLoop* loop)
    : options_(std::move(options)),
      status_(status),
      health_(health),
      terminal_(terminal),
      loop_(loop),
      progress_(SteadyTime(), options_.config.run.total_env_steps),
      statuses_(options_.config.learner.replicas, absl::UnavailableError("it was not asked yet")),
      env_steps_(options_.config.learner.replicas) {
  const int64_t replicas = options_.config.learner.replicas;
  for (const RunFollower::Options& follower : options_.programs.followers) {
    followers_.push_back(
        std::make_unique<RunFollower>(follower, loop, terminal, [this] { CheckStopped(); }));
  }
  for (int64_t i = 0; i < replicas; ++i) Add(Role::kLearner, i, "learner", i);
  for (int64_t i = 0; i < options_.config.cluster.env_servers; ++i) {
    Add(Role::kEnvServer, i, "envserver", 0);
  }
  const int64_t actors = options_.config.cluster.actors;
  for (int64_t i = 0; i < replicas * actors; ++i) Add(Role::kActor, i, "actor", i / actors);
}

Cluster::~Cluster() {
  if (inotify_fd_ < 0) return;
  loop_->Unwatch(inotify_fd_);
  close(inotify_fd_);
}

void Cluster::Add(Role role, int64_t index, const std::string& program, int64_t replica) {
  const ClusterSection& cluster = options_.config.cluster;
  auto child = std::make_unique<Child>(role, absl::StrCat(program, "-", index), replica,
                                       BudgetOptions(cluster));
  Child* const raw = child.get();
  child->health = std::make_unique<HealthWatch>(
      loop_, health_, absl::Seconds(cluster.answer_timeout_s), [this, raw] { OnFrozen(raw); });
  child->process = std::make_unique<ChildProcess>(
      loop_, [this, raw](const std::string& line) { OnLine(raw, line); },
      [this, raw](int wait_status) { OnExit(raw, wait_status); });
  children_.push_back(std::move(child));
}

std::string Cluster::ResultPath() const { return options_.run_dir + "/result.json"; }

std::string Cluster::LogPath(const Child& child) const {
  return absl::StrCat(options_.run_dir, "/logs/", child.name, ".log");
}

std::vector<std::string> Cluster::Arguments(const Child& child) const {
  switch (child.role) {
    case Role::kLearner:
      return commands_->Learner(child.replica, child.was_ever_ready, child.rpc_address);
    case Role::kEnvServer:
      return commands_->EnvServer(child.name, child.rpc_address);
    case Role::kActor:
      return commands_->Actor(child.name, child.replica, EnvServers());
  }
  return {};
}

absl::Status Cluster::WriteConfig(const std::string& folder) const {
  RunConfig config = options_.config;
  return WriteDurably(folder + "/config.yaml", ToYaml(ConfigOf(config)));
}

std::vector<std::string> Cluster::EnvServers() const {
  std::vector<std::string> addresses;
  for (const auto& child : children_) {
    if (child->role == Role::kEnvServer) addresses.push_back(child->rpc_address);
  }
  return addresses;
}

absl::Status Cluster::Prepare() {
  absl::StatusOr<std::unique_ptr<PrivateFolder>> sockets = PrivateFolder::Make();
  if (!sockets.ok()) return sockets.status();
  sockets_ = *std::move(sockets);
  commands_.emplace(&options_, sockets_.get());
  std::error_code error;
  const std::string ports = options_.run_dir + "/ports";
  for (const std::string& folder : {ports, options_.run_dir + "/logs"}) {
    std::filesystem::create_directories(folder, error);
    if (error) return absl::UnavailableError(absl::StrCat(folder, ": ", error.message()));
  }
  result_before_ = ReadWholeFile(ResultPath()).value_or("");
  if (!options_.resume) {
    if (absl::Status status = WriteConfig(options_.run_dir); !status.ok()) return status;
  }
  inotify_fd_ = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (inotify_fd_ < 0 || inotify_add_watch(inotify_fd_, ports.c_str(), IN_MOVED_TO) < 0) {
    return absl::UnavailableError(absl::StrCat("cannot watch ", ports));
  }
  loop_->Watch(inotify_fd_, [this] { OnPortFiles(); });
  return absl::OkStatus();
}

int Cluster::Run() {
  if (absl::Status status = Prepare(); !status.ok()) {
    terminal_->Warning(absl::StrCat("armature: ", status.message()));
    return 1;
  }
  terminal_->Line(absl::StrCat("armature: run directory ", options_.run_dir));
  for (const auto& child : children_) {
    // The other replicas need the address of replica 0.
    const bool can_start =
        child->role == Role::kLearner ? child->replica == 0 : child->role == Role::kEnvServer;
    if (can_start && !stopping_) Start(child.get());
  }
  AskStatusLater();
  CheckStopped();
  loop_->Run();
  Conclude();
  const std::string line = LastLine();
  if (!is_over_) {
    const absl::Status status =
        NoteRunState(options_.run_dir, absl::StripPrefix(line, "armature: "));
    if (!status.ok()) terminal_->Warning(absl::StrCat("armature: ", status.message()));
  }
  terminal_->Line(line);
  return exit_status_;
}

void Cluster::Start(Child* child) {
  std::error_code ignored;
  std::filesystem::remove(commands_->PortPath(child->name), ignored);
  child->ready = false;
  child->last_words.clear();
  const int64_t start = ++child->starts;
  if (absl::Status status = child->process->Start(Arguments(*child), LogPath(*child));
      !status.ok()) {
    Fail(absl::StrCat(child->name, ": ", status.message()));
    return;
  }
  loop_->After(absl::Seconds(options_.config.cluster.ready_timeout_s),
               [this, child, start] { OnNotReady(child, start); });
}

void Cluster::OnPortFiles() {
  alignas(inotify_event) char events[4096];
  while (read(inotify_fd_, events, sizeof(events)) > 0) {
  }
  // Check the folder itself for which files have arrived.
  for (const auto& child : children_) {
    if (child->ready || !child->process->running()) continue;
    const absl::StatusOr<PortFile> ports = ReadPortFile(commands_->PortPath(child->name));
    if (!ports.ok()) continue;
    child->rpc_address = ports->rpc_address;
    child->metrics_address = ports->metrics_address;
    OnReady(child.get());
  }
}

void Cluster::KeepOverrides() {
  for (const auto& child : children_) {
    if (child->role != Role::kLearner) continue;
    if (absl::Status status = WriteConfig(commands_->LearnerFolder(child->replica)); !status.ok()) {
      terminal_->Warning(
          absl::StrCat("armature: the run goes on, but its next --resume needs the "
                       "same overrides again: ",
                       status.message()));
    }
  }
}

void Cluster::OnReady(Child* child) {
  child->ready = true;
  child->was_ever_ready = true;
  child->budget.OnReady(std::chrono::steady_clock::now());
  // Learners are checked on their local socket: their certificate need not match this machine's
  // address.
  child->health->Start(
      child->role == Role::kLearner ? commands_->SocketAddress(child->name) : child->rpc_address,
      child->metrics_address);
  TellPrometheus();
  if (stopping_) return;
  if (child->starts > 1) terminal_->Line(absl::StrCat("armature: ", child->name, " is back"));
  if (!replicas_started_ && children_[0]->ready) {
    replicas_started_ = true;
    // Only now: an earlier run's end is no longer mistaken for this one's.
    for (const auto& follower : followers_) follower->Start(options_.run_dir);
    for (const auto& other : children_) {
      if (other->role == Role::kLearner && other->replica > 0 && !stopping_) Start(other.get());
    }
  }
  if (!actors_started_ && AllReady(Role::kLearner) && AllReady(Role::kEnvServer)) {
    actors_started_ = true;
    for (const auto& other : children_) {
      if (other->role == Role::kActor && !stopping_) Start(other.get());
    }
  }
  if (!all_ready_told_ && AllReady(Role::kActor)) {
    all_ready_told_ = true;
    if (!options_.overrides.empty()) KeepOverrides();
    const ClusterSection& cluster = options_.config.cluster;
    const std::string& external = cluster.external_env_servers;
    const std::string own = absl::StrCat(cluster.env_servers, " env servers");
    const int64_t replicas = options_.config.learner.replicas;
    terminal_->Line(
        absl::StrFormat("armature: %s with %s: %slearner %s (metrics %s), %s, %d actors",
                        options_.config.environment.id, options_.config.algorithm.name,
                        replicas == 1 ? "" : absl::StrCat(replicas, " replicas, first "),
                        children_[0]->rpc_address, children_[0]->metrics_address,
                        external.empty()           ? own
                        : cluster.env_servers == 0 ? absl::StrCat("env servers ", external)
                                                   : absl::StrCat(own, " beside ", external),
                        replicas * cluster.actors));
  }
}

void Cluster::OnLine(Child* child, const std::string& line) {
  if (!IsStackTrace(line)) child->last_words = line;
  // During a stop, only what the learner could not save matters.
  if (stopping_ && child->role != Role::kLearner) return;
  if (options_.config.run.type == "debug") {
    terminal_->Line(absl::StrCat(child->name, ": ", line));
    return;
  }
  if (!IsComplaint(line) || child->lines_shown > kComplaintsShownMax) return;
  ++child->lines_shown;
  terminal_->Warning(child->lines_shown <= kComplaintsShownMax
                         ? absl::StrCat(child->name, ": ", line)
                         : absl::StrCat(child->name, ": ... more in ", LogPath(*child)));
}

void Cluster::OnExit(Child* child, int wait_status) {
  child->ready = false;
  child->health->Stop();
  const std::string why_killed = std::exchange(child->why_killed, "");
  const bool ended_well = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
  if (stopping_) {
    const int signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
    const bool as_told = ended_well || signal == SIGTERM || signal == SIGKILL;
    if (child->role == Role::kLearner && !as_told) {
      terminal_->Warning(absl::StrCat("armature: ", child->name, " ", DescribeExit(wait_status),
                                      "; ", Said(child->last_words)));
    }
    CheckStopped();
    return;
  }
  if (IsOver()) {
    // The other processes are not needed any more.
    if (child == children_[0].get()) Finish(/*actors_end=*/ended_well);
    return;
  }
  const std::string what_happened =
      absl::StrCat(child->name, " ", why_killed.empty() ? DescribeExit(wait_status) : why_killed);
  const int exit_status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 0;
  // A child that gave up before it was ever ready would do so again.
  if (exit_status == kUsageError || (exit_status != 0 && !child->was_ever_ready)) {
    Fail(absl::StrCat(what_happened, ": ", child->last_words), exit_status != kUsageError);
    return;
  }
  RestartLater(child, exit_status == 0 ? what_happened
                                       : absl::StrCat(what_happened, ": ", child->last_words));
}

void Cluster::OnNotReady(Child* child, int64_t start) {
  if (stopping_ || child->ready || child->starts != start || !child->process->running()) return;
  const std::string why = absl::StrFormat("was not ready within cluster.ready_timeout_s=%g s",
                                          options_.config.cluster.ready_timeout_s);
  if (!child->was_ever_ready) {
    Fail(absl::StrCat(child->name, " ", why, "; ", Said(child->last_words)));
    return;
  }
  child->why_killed = why + " and was killed";
  child->process->Signal(SIGKILL);  // OnExit restarts it.
}

void Cluster::OnFrozen(Child* child) {
  child->why_killed = absl::StrFormat(
      "did not answer for cluster.answer_timeout_s=%g s (it is frozen) and was killed",
      options_.config.cluster.answer_timeout_s);
  if (stopping_) {
    terminal_->Warning(absl::StrCat("armature: ", child->name, " ", child->why_killed));
  }
  child->process->Signal(SIGKILL);  // OnExit restarts it.
}

void Cluster::RestartLater(Child* child, const std::string& what_happened) {
  const ClusterSection& cluster = options_.config.cluster;
  const auto restart = child->budget.OnDeath(std::chrono::steady_clock::now());
  if (!restart) {
    Fail(absl::StrFormat(
        "%s and was restarted cluster.restarts_max=%d times already in "
        "cluster.restart_window_s=%g s of health; %s",
        what_happened, cluster.restarts_max, cluster.restart_window_s, Said(child->last_words)));
    return;
  }
  terminal_->Warning(absl::StrFormat("armature: %s; restart %d of %d in %.1f s", what_happened,
                                     restart->number, cluster.restarts_max,
                                     absl::ToDoubleSeconds(restart->delay)));
  loop_->After(restart->delay, [this, child] {
    if (!stopping_ && !IsOver()) Start(child);
  });
}

void Cluster::AskStatusLater() {
  loop_->After(absl::Seconds(options_.config.cluster.progress_every_s), [this] {
    for (const auto& child : children_) child->lines_shown = 0;
    const bool asks = stopping_ ? AnyRunning(Role::kLearner) : all_ready_told_ && !IsOver();
    if (asks && asking_ == 0) AskStatus();
    if (!stopping_ && !all_ready_told_) TellStarting();
    AskStatusLater();
  });
}

// Shows who is awaited: in the first seconds, or until a process that does not start ends the run.
void Cluster::TellStarting() {
  std::vector<std::string> missing;
  std::string last_words;
  for (const auto& child : children_) {
    if (child->ready || !child->process->running()) continue;
    missing.push_back(child->name);
    last_words = child->last_words;
  }
  std::string waiting = absl::StrJoin(missing, ", ");
  if (missing.size() == 1 && !last_words.empty()) absl::StrAppend(&waiting, ": ", last_words);
  if (missing.empty() || waiting == std::exchange(starting_, waiting)) return;
  terminal_->Progress(absl::StrCat("armature: starts, and waits for ", waiting));
}

void Cluster::AskStatus() {
  asking_ = options_.config.learner.replicas;
  for (int64_t i = 0; i < options_.config.learner.replicas; ++i) {
    const Child& learner = *children_[i];
    if (!learner.ready) {
      OnStatus(i, absl::UnavailableError("it is being restarted"));
      continue;
    }
    status_->Ask(commands_->SocketAddress(learner.name),
                 [this, i](absl::StatusOr<v1::StatusResponse> status) {
                   loop_->Post([this, i, status = std::move(status)] { OnStatus(i, status); });
                 });
  }
}

void Cluster::OnStatus(int64_t replica, absl::StatusOr<v1::StatusResponse> status) {
  if (status.ok()) env_steps_[replica] = status->env_steps();
  statuses_[replica] = std::move(status);
  if (--asking_ > 0) return;
  if (stopping_) {
    OnStatusOfStop();
  } else {
    terminal_->Progress(progress_.Line(statuses_, SteadyTime()));
  }
}

// Lists the processes that should be running, so that a dead one shows as missing. After a failure
// the list stays as it was; it is empty once a run has ended or was stopped.
void Cluster::TellPrometheus() {
  if (stopping_ && !is_over_ && !is_stopped_) return;
  std::vector<PrometheusTarget> targets;
  for (const auto& child : children_) {
    const bool is_learner = child->role == Role::kLearner;
    const bool ought_to_run = !stopping_ || (is_learner && child->process->running());
    if (!ought_to_run || child->metrics_address.empty()) continue;
    std::optional<int64_t> replica;
    if (child->role != Role::kEnvServer) replica = child->replica;
    targets.push_back({child->name, LocalAddress(child->metrics_address), replica});
  }
  const absl::Status status =
      WritePrometheusTargets(options_.run_dir, options_.config.run.name, targets);
  if (!status.ok()) terminal_->Warning(absl::StrCat("armature: ", status.message()));
}

bool Cluster::IsOver() const {
  const absl::StatusOr<std::string> result = ReadWholeFile(ResultPath());
  return result.ok() && *result != result_before_;
}

bool Cluster::AllReady(Role role) const {
  return std::all_of(children_.begin(), children_.end(),
                     [role](const auto& child) { return child->role != role || child->ready; });
}

bool Cluster::AnyRunning(Role role) const {
  return std::any_of(children_.begin(), children_.end(), [role](const auto& child) {
    return child->role == role && child->process->running();
  });
}

}  // namespace armature
