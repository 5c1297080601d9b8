// The end of a Cluster: in which order processes are told, what is awaited and what is reported.
#include <signal.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/cli/how_started.h"
#include "common/cli/shell_word.h"
#include "common/files/atomic_file.h"
#include "deploy/launcher/cluster.h"
#include "deploy/launcher/command_line.h"
#include "deploy/launcher/report/run_result.h"
#include "deploy/launcher/report/saved_report.h"

namespace armature {
namespace {

// Time for actors to end by themselves, or after SIGTERM.
constexpr absl::Duration kActorsEndWithin = absl::Seconds(3);

}  // namespace

void Cluster::Finish(bool actors_end) {
  const absl::Status status = TakeResult();
  if (!status.ok()) {
    Fail(std::string(status.message()));
    return;
  }
  BeginStop(actors_end);
}

absl::Status Cluster::TakeResult() {
  const absl::StatusOr<RunResult> result = ReadRunResult(ResultPath());
  if (!result.ok()) return result.status();
  const EvaluationSection& evaluation = options_.config.evaluation;
  const bool has_target = evaluation.stop_at_success_rate > 0 || evaluation.stop_at_return_enabled;
  const std::string run_dir = ShellWord(options_.run_dir);
  terminal_->Line(absl::StrCat("armature: policy: ",
                               ShellWord(options_.run_dir + "/models/model_final.safetensors")));
  if (options_.config.run.type != "debug") {
    const bool is_installed = FindExecutable("tensorboard").ok();
    terminal_->Line(absl::StrCat("armature: watch: tensorboard --logdir ", run_dir,
                                 is_installed ? "" : "  # after: pip install tensorboard"));
  }
  terminal_->Line(absl::StrCat("armature: evaluate: ", HowStarted("eval"), " ", run_dir));
  terminal_->Line(absl::StrCat("armature: play: ", HowStarted("play"), " ", run_dir));
  outcome_ = ResultLine(*result, options_.config.environment.id, has_target);
  exit_status_ = has_target && !result->target_reached ? 1 : 0;
  is_over_ = true;
  return absl::OkStatus();
}

void Cluster::Fail(const std::string& why, bool as_it_is) {
  if (stopping_) return;
  exit_status_ = 1;
  goes_on_ = as_it_is;
  outcome_ = absl::StrCat("armature: failed: ", why, " (logs in ", options_.run_dir, "/logs)");
  BeginStop(/*actors_end=*/false);
}

void Cluster::Stop(int signal) {
  if (stopping_) return;
  if (IsOver()) {
    Finish(/*actors_end=*/false);
    return;
  }
  exit_status_ = 128 + signal;
  outcome_ = absl::StrCat("armature: stopped by signal ", signal);
  is_stopped_ = true;
  terminal_->Line(
      "armature: stops once the learner has written what it has; a second Ctrl-C gives that up");
  BeginStop(/*actors_end=*/false);
}

void Cluster::GiveUp() {
  if (!stopping_) return;
  terminal_->Warning("armature: gives up what is not written");
  for (const auto& child : children_) child->process->Signal(SIGKILL);
  for (const auto& follower : followers_) follower->Kill();
}

void Cluster::BeginStop(bool actors_end) {
  stopping_ = true;
  TellPrometheus();
  // Actors first, so that what they still hold reaches a running learner.
  for (const auto& child : children_) {
    if (child->role != Role::kLearner) child->health->Stop();
    if (child->role == Role::kActor && !actors_end) child->process->Signal(SIGTERM);
  }
  loop_->After(kActorsEndWithin, [this] { TerminateOthers(); });
  CheckStopped();
}

void Cluster::TerminateOthers() {
  if (std::exchange(terminating_, true)) return;
  for (const auto& child : children_) {
    if (child->role != Role::kLearner) child->process->Signal(SIGTERM);
  }
  loop_->After(options_.stop_within, [this] {
    for (const auto& child : children_) {
      if (child->role != Role::kLearner) child->process->Signal(SIGKILL);
    }
  });
  // First ask the learners for their final counts, now that nothing is added.
  if (asking_ == 0) AskStatus();
}

void Cluster::TerminateLearners() {
  terminating_learners_ = true;
  saving_since_ = std::chrono::steady_clock::now();
  for (const auto& child : children_) {
    if (child->role == Role::kLearner) child->process->Signal(SIGTERM);
  }
}

void Cluster::OnStatusOfStop() {
  if (terminating_ && !terminating_learners_) {
    TerminateLearners();
  } else if (terminating_learners_) {
    std::vector<std::string> each;
    for (size_t i = 0; i < statuses_.size(); ++i) {
      if (children_[i]->process->running() && statuses_[i].ok()) {
        each.push_back(absl::StrCat(children_[i]->name, ": ", statuses_[i]->waiting()));
      }
    }
    const std::string saving = absl::StrJoin(each, "; ");
    const auto now = std::chrono::steady_clock::now();
    if (saving != std::exchange(saving_, saving)) saving_since_ = now;
    if (!saving.empty()) terminal_->Progress(absl::StrCat("armature: stopping: ", saving));
    if (now - saving_since_ > absl::ToChronoNanoseconds(options_.save_stall_max)) {
      terminal_->Warning(absl::StrCat("armature: a learner came no further for ",
                                      absl::FormatDuration(options_.save_stall_max),
                                      " and is killed: ", saving));
      for (const auto& child : children_) child->process->Signal(SIGKILL);
    }
  }
  CheckStopped();
}

void Cluster::CheckStopped() {
  if (!stopping_) return;
  if (!AnyRunning(Role::kActor)) TerminateOthers();
  const bool any_running =
      AnyRunning(Role::kLearner) || AnyRunning(Role::kEnvServer) || AnyRunning(Role::kActor);
  if (any_running) return;
  // The learner has written everything. One after the other: a later one may follow an earlier one.
  for (const auto& follower : followers_) {
    follower->Finish();
    if (follower->running()) return;
  }
  // An answer to an open question would reach a destroyed loop.
  if (asking_ == 0) loop_->Stop();
}

// Called once no child is left.
void Cluster::Conclude() {
  TellPrometheus();
  // A run may finish while it is being stopped.
  if (is_stopped_ && IsOver()) (void)TakeResult();
  for (const auto& child : children_) {
    // A learner that never owned the folder must leave it alone.
    if (child->role != Role::kLearner || !child->was_ever_ready) continue;
    for (const char* folder : {"/checkpoints", "/models"}) {
      RemoveTemporaries(commands_->LearnerFolder(child->replica) + folder);
    }
  }
}

std::string Cluster::LastLine() const {
  if (is_over_) return outcome_;
  std::vector<std::string> folders;
  for (const auto& child : children_) {
    if (child->role == Role::kLearner) folders.push_back(commands_->LearnerFolder(child->replica));
  }
  const SavedReport report = FindSaved(folders, env_steps_);
  std::string line = outcome_;
  if (report.saved || report.reached > 0) absl::StrAppend(&line, "; ", SavedSentence(report));
  // No advice for a run that never began (just start it again), nor if a child refused to go on (it
  // has said what to change).
  if (is_stopped_ || (goes_on_ && (report.saved || report.reached > 0))) {
    const bool goes_on = report.saved || report.reached == 0;
    absl::StrAppend(&line, "; ", goes_on ? "go on" : "begin anew", " with ", options_.command,
                    " --resume ", ShellWord(options_.run_dir));
  }
  return line;
}

}  // namespace armature
