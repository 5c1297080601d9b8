#include "learner/training/training_run.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/policy/policy_wire.h"
#include "common/run_config/parameter_config.h"
#include "common/sync/steady_time.h"
#include "learner/nn/state.h"
#include "learner/run/run_end.h"
#include "learner/run/run_models.h"
#include "learner/training/divergence.h"
#include "learner/training/observation_advice.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

CheckpointSection CheckpointSettings(CheckpointSection settings, const CollectionMode& mode) {
  if (!mode.saves_anywhere()) settings.every_s = 0;
  return settings;
}

absl::Status CheckResume(const RunConfig& config, const RunCheckpoint& checkpoint) {
  if (checkpoint.env.id != config.environment.id) {
    return absl::FailedPreconditionError(
        absl::StrCat("the checkpoint is of environment ", checkpoint.env.id,
                     ", but environment.id=", config.environment.id));
  }
  return config.ValidateResume(checkpoint.counters.env_steps);
}

void CountAsDone(const RunCounters& counters, LearnerMetrics* metrics) {
  metrics->env_steps.Increment(counters.env_steps);
  metrics->learner_steps.Increment(counters.learner_steps);
  metrics->episodes.Increment(counters.episodes);
  metrics->slot_restarts.Increment(counters.restarted_slots);
  metrics->batches_admitted.Increment(counters.batches_admitted);
}

}  // namespace

TrainingRun::TrainingRun(const RunConfig& config, const Parts& parts)
    : config_(config),
      parts_(parts),
      progress_(config.run.total_env_steps, &parts.replication),
      sink_(absl::Seconds(config.learner.unusable_experience_timeout_s), &parts.intake, &progress_,
            &parts.metrics),
      health_(config, parts.directory.path(), &progress_, &parts.replication),
      reporter_(config, &parts.directory, &parts.metrics, &parts.status),
      judge_(config.evaluation, config.run.video_every, &parts.evaluations),
      saver_(CheckpointSettings(config.checkpoint, parts.mode), &parts.directory, &parts.metrics) {
  result_.success_rate = kNaN;
  result_.return_mean = kNaN;
  saver_.set_on_progress([this](const std::string& sentence) {
    Report({WaitReason::kCheckpoint, "the learner " + sentence});
  });
  health_.set_before_diverging([this] { saver_.Wait(); });
  parts_.replication.set_on_wait([this](const std::string& waiting) {
    Report({WaitReason::kReplicas, waiting});
  });
  Report(Waiting());
}

absl::Status TrainingRun::Restore() {
  const absl::StatusOr<RunCheckpoint> checkpoint = saver_.LoadNewest();
  if (absl::IsNotFound(checkpoint.status()) && parts_.replication.makes_run_alone()) {
    const absl::StatusOr<std::string> aside = parts_.directory.PutAside();
    if (!aside.ok()) return aside.status();
    saver_.BeginAnew();
    if (!aside->empty()) spdlog::warn("what the run had written is in {}", *aside);
  }
  if (!checkpoint.ok()) return checkpoint.status();
  const RunCounters& counters = checkpoint->counters;
  absl::Status status = CheckResume(config_, *checkpoint);
  if (status.ok()) status = MakeCore(checkpoint->env);
  if (status.ok()) status = LoadState(checkpoint->state, "the checkpoint");
  if (status.ok() && curriculum_.has_value()) {
    status = curriculum_->LoadState({checkpoint->state.begin(), checkpoint->state.end()});
    AdmitAtLevel();
  }
  if (status.ok()) status = BeginReplication();
  if (!status.ok()) return status;
  progress_.GoOnFrom(counters);
  parts_.mode.GoOnFrom(counters.env_steps);
  reporter_.GoOnFrom(counters);
  CountAsDone(counters, &parts_.metrics);
  judge_.GoOnFrom(counters.env_steps);
  if (parts_.replication.makes_run_alone()) {  // Else these are not all of the run's env steps.
    saver_.GoOnFrom(counters.env_steps);
    LogIfError(parts_.directory.GoOnFrom(counters.env_steps));
  }
  parts_.intake.Restore(checkpoint->acknowledged);
  PublishIfDue();
  Report(Waiting());
  spdlog::info("resumed at {} env steps, {} learner steps, {} transitions", counters.env_steps,
               counters.learner_steps, core_->holding().transitions);
  return parts_.admission.SetSpec(checkpoint->env);
}

absl::Status TrainingRun::Begin(const EnvSpec& env) {
  const std::string warning = EpisodeLengthWarning(config_.evaluation, env);
  if (!warning.empty()) spdlog::warn(warning);
  absl::Status status = MakeCore(env);
  if (status.ok() && !config_.run.load.empty()) status = LoadOtherRun();
  if (status.ok()) status = BeginReplication();
  if (status.ok()) PublishIfDue();
  return status;
}

absl::Status TrainingRun::MakeCurriculum(const EnvSpec& env) {
  constexpr char kEvaluation[] = "evaluation.parameters";
  const auto evaluation = ReadParameters(config_.evaluation.parameters, kEvaluation);
  if (!evaluation.ok()) return evaluation.status();
  if (absl::Status status = ParameterValues(env, *evaluation).status(); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(kEvaluation, ": ", status.message()));
  }
  if (!config_.curriculum.enabled()) return absl::OkStatus();
  absl::StatusOr<Curriculum> curriculum = Curriculum::Create(config_.curriculum, env);
  if (!curriculum.ok()) return curriculum.status();
  curriculum_ = *std::move(curriculum);
  return absl::OkStatus();
}

absl::Status TrainingRun::MakeCore(const EnvSpec& env) {
  if (absl::Status status = MakeCurriculum(env); !status.ok()) return status;
  parts_.evaluations.SetBounds(EpisodeBounds::Of(env));
  absl::StatusOr<std::unique_ptr<LearningCore>> core = parts_.cores.Create(env);
  if (!core.ok()) return core.status();
  core_ = *std::move(core);
  env_ = env;
  reporter_.Begin(env, SteadyTime());
  saver_.Begin(SteadyTime());
  spdlog::info("{} on {}: {}", config_.algorithm.name, env.id, core_->Describe());
  const std::string advice = AdviceOnImages(env, config_.algorithm.network.normalize_observation);
  if (!advice.empty()) spdlog::warn("{}", advice);
  return absl::OkStatus();
}

// Starts with what another run has learned.
absl::Status TrainingRun::LoadOtherRun() {
  const RunSection& run = config_.run;
  absl::StatusOr<RunCheckpoint> other = RunSaver::LoadStep(run.load, run.load_step);
  if (!other.ok()) return other.status();
  // Runs with different seeds that load the same run should draw differently.
  NamedTensors& state = other->state;
  state.erase(std::remove_if(state.begin(), state.end(),
                             [](const auto& named) { return named.first == kGenerator; }),
              state.end());
  absl::Status status = LoadState(state, absl::StrCat("run.load=", run.load));
  if (!status.ok()) return status;
  OnStateTaken();
  spdlog::info("begins with what run {} had learned at {} env steps", other->run_id,
               other->counters.env_steps);
  return absl::OkStatus();
}

absl::Status TrainingRun::LoadState(const NamedTensors& state, const std::string& whose) {
  const absl::Status status = core_->LoadState({state.begin(), state.end()});
  if (status.ok()) return status;
  return absl::FailedPreconditionError(
      absl::StrCat(whose, " does not fit the configuration: ", status.message()));
}

absl::Status TrainingRun::BeginReplication() {
  return parts_.replication.Begin(
      {config_.algorithm.name, config_.learner.averaging, SpecHash(*env_)}, &core_->algorithm());
}

void TrainingRun::Store(const ExperienceIntake::Entry& entry) {
  if (!entry.refusal.empty()) {
    sink_.Refuse(entry);
    return;
  }
  reporter_.Count(entry.batch, parts_.publisher.newest_version());
  CountForCurriculum(entry.batch);
  sink_.Store(entry, core_.get());
}

void TrainingRun::CountForCurriculum(const v1::ExperienceBatch& batch) {
  // The level reaches actors with policies, so episodes before the first one cannot change it.
  if (!curriculum_.has_value() || newest_policy_ == nullptr) return;
  const double before = curriculum_->level();
  for (const v1::Episode& episode : batch.episodes()) curriculum_->Add(episode);
  if (curriculum_->level() == before) return;
  spdlog::info("curriculum: {} goes from {:.4g} to {:.4g} at {} env steps",
               curriculum_->parameter(), before, curriculum_->level(), progress_.run_env_steps());
}

void TrainingRun::AdmitAtLevel() {
  parts_.admission.SetParameters({{curriculum_->parameter(), curriculum_->level()}});
}

void TrainingRun::OnStored() {
  sink_.ShowHolding(*core_);
  PublishIfDue();  // The random steps may be over now.
}

void TrainingRun::CheckExperience() {
  if (phase_ == Phase::kTraining) health_.FailIfAny(sink_.Problem(SteadyTime()));
}

bool TrainingRun::Update() {
  const absl::Time start = SteadyTime();
  if (!HandleUpdate(core_->Update(progress_.fraction()))) return false;
  parts_.metrics.update_duration_seconds.Observe(absl::ToDoubleSeconds(SteadyTime() - start));
  const absl::Status averaged = parts_.replication.AfterUpdate(progress_.env_steps());
  if (absl::IsDataLoss(averaged)) {
    health_.Diverge(averaged, core_.get());
    return false;
  }
  LogIfError(averaged);
  const uint64_t steps = core_->algorithm().learner_steps();
  parts_.metrics.learner_steps.Increment(steps - progress_.learner_steps());
  progress_.set_learner_steps(steps);
  PublishIfDue();
  return true;
}

bool TrainingRun::HandleUpdate(const absl::Status& updated) {
  if (absl::IsDataLoss(updated)) {
    health_.Diverge(updated, core_.get());
    return false;
  }
  if (absl::IsFailedPrecondition(updated)) {  // No server will ever give rewards of other goals.
    health_.Fail(updated);
    return false;
  }
  if (updated.message() != update_problem_) {
    update_problem_ = std::string(updated.message());
    spdlog::warn("{}", updated.ok() ? "the learner goes on" : update_problem_);
  }
  return updated.ok();
}

void TrainingRun::OnStateTaken() {
  progress_.set_learner_steps(core_->algorithm().learner_steps());
  reporter_.GoOnFrom(progress_.counters());
}

void TrainingRun::DeliverGrants() {
  CollectCoordinator& coordinator = parts_.mode.coordinator();
  parts_.intake.Deliver(coordinator.Issue(SteadyTime()));
  Counter& lapsed = parts_.metrics.grants_lapsed;
  lapsed.Increment(coordinator.lapsed_grants() - lapsed.value());
}

void TrainingRun::EvaluateIfDue() {
  if (!parts_.replication.leads_run()) return;
  judge_.AskIfDue(progress_.run_env_steps());
  HandOutEvaluation();
}

void TrainingRun::HandOutEvaluation() {
  judge_.HandOut(SteadyTime());
  Counter& failures = parts_.metrics.evaluation_failures;
  failures.Increment(parts_.evaluations.failures() - failures.value());
}

bool TrainingRun::TakeJudgement() {
  HandOutEvaluation();
  const std::optional<Judgement> judgement =
      judge_.Take(env_->reports_success, progress_.run_env_steps());
  if (!judgement) return false;
  const EvaluationOutcome& outcome = judgement->outcome;
  progress_.CountEvaluation();
  reporter_.LogEvaluation(outcome, Now());
  if (judgement->is_filmed) saver_.SaveRecording(outcome);
  spdlog::info("{}", judgement->summary);
  if (judgement->policy != nullptr) {
    saver_.OfferBest(outcome, *env_, core_->algorithm().policy().spec(),
                     judgement->policy->policy());
  }
  if (!judgement->is_last) return true;
  final_policy_ = judgement->policy;
  result_.target_reached = judgement->solved;
  result_.success_rate = env_->reports_success ? outcome.success_rate : kNaN;
  result_.return_mean = outcome.return_mean;
  End(judgement->solved ? absl::StrCat("solved: ", judgement->summary)
                        : absl::StrCat("run.total_env_steps reached; ", judgement->summary));
  return true;
}

void TrainingRun::PublishIfDue() {
  // Actors may still use what an earlier process published after its last checkpoint. Without a
  // newer version, their experience would be refused forever.
  const bool lost_its_policy = parts_.mode.actors_keep_policies() && newest_policy_ == nullptr &&
                               parts_.directory.policy_versions_used() > 0;
  const bool due = parts_.replication.in_step() && core_->PublishDue(progress_.env_steps());
  if (lost_its_policy || due) Publish();
}

void TrainingRun::PublishAgain() {
  if (newest_policy_ != nullptr) Publish();
}

void TrainingRun::Publish() {
  if (!health_.StillFinite(core_.get())) return;
  const absl::Time start = SteadyTime();
  const uint64_t version = parts_.publisher.next_version();
  LogIfError(parts_.directory.ReservePolicyVersion(version));
  v1::PolicyUpdate update;
  update.set_learner_steps(core_->algorithm().learner_steps());
  update.set_env_steps(progress_.run_env_steps());
  EncodePolicy(core_->algorithm().policy().tensors(), &update);
  if (curriculum_.has_value()) {
    (*update.mutable_parameters())[curriculum_->parameter()] = curriculum_->level();
    AdmitAtLevel();
  }
  // An actor may use the policy and send experience before Publish returns.
  parts_.intake.SetNewestVersion(version);
  newest_policy_ = parts_.publisher.Publish(std::move(update));
  core_->OnPublished(version);
  judge_.OnPublished(newest_policy_);
  parts_.metrics.policy_version.Set(version);
  parts_.metrics.publish_duration_seconds.Observe(absl::ToDoubleSeconds(SteadyTime() - start));
}

RunCheckpoint TrainingRun::State(bool with_experience) {
  RunCheckpoint checkpoint;
  checkpoint.env = *env_;
  checkpoint.counters = progress_.counters();
  LearningCore::Snapshot snapshot = core_->TakeSnapshot(with_experience);
  checkpoint.state = std::move(snapshot.state);
  checkpoint.rows = std::move(snapshot.rows);
  if (curriculum_.has_value()) {
    for (auto& tensor : curriculum_->State()) checkpoint.state.push_back(std::move(tensor));
  }
  return checkpoint;
}

void TrainingRun::Checkpoint() {
  const absl::Time start = SteadyTime();
  if (!health_.StillFinite(core_.get())) return;
  Report({WaitReason::kCheckpoint, "the learner prepares a checkpoint"});
  saver_.Wait();  // A new snapshot would cancel the one that is being written.
  RunCheckpoint checkpoint = State(config_.checkpoint.replay);
  checkpoint.acknowledged = parts_.intake.AcknowledgedSequences();
  saver_.Save(std::move(checkpoint));
  ForgetDivergence(parts_.directory.path());
  parts_.metrics.checkpoint_pause_seconds.Observe(absl::ToDoubleSeconds(SteadyTime() - start));
}

void TrainingRun::SaveStepIfDue() {
  const uint64_t env_steps = progress_.run_env_steps();
  if (saver_.StepDue(env_steps)) SaveStep(saver_.StepOf(env_steps));
}

void TrainingRun::SaveStep(uint64_t step) {
  if (newest_policy_ == nullptr || !parts_.replication.leads_run() ||
      !health_.StillFinite(core_.get())) {
    return;
  }
  RunCheckpoint state = State(/*with_experience=*/false);
  state.counters.env_steps = progress_.run_env_steps();
  saver_.SaveStep(step, std::move(state), core_->algorithm().policy().spec(),
                  newest_policy_->policy());
}

void TrainingRun::LogIfDue() {
  if (SteadyTime() >= reporter_.next_log() && health_.StillFinite(core_.get())) {
    reporter_.Log(Now());
  }
}

void TrainingRun::CheckpointIfDue() {
  saver_.NoteIfWritten();
  if (SteadyTime() >= saver_.next_due()) Checkpoint();
}

void TrainingRun::EndIfEvaluationIsLate() {
  if (phase_ != Phase::kFinalEvaluation || SteadyTime() < judge_.final_deadline()) return;
  End(absl::StrCat("run.total_env_steps reached; no final evaluation: ",
                   parts_.evaluations.Waiting()));
}

bool TrainingRun::GoesOnWithinBudget() {
  // An off-policy run ends with the env step that spends the budget, an on-policy run with the set.
  const bool within_set = config_.algorithm.on_policy() && core_->holding().transitions > 0;
  if (!parts_.replication.leads_run() || !progress_.is_budget_spent() || within_set) return true;
  health_.FailIfAny(sink_.ProblemAtEnd());
  if (health_.failure().ok()) Publish();
  if (health_.failure().ok()) BeginFinalEvaluation();
  return false;
}

void TrainingRun::BeginFinalEvaluation() {
  if (config_.evaluation.every_env_steps == 0) {
    End("run.total_env_steps reached; evaluation is off");
    return;
  }
  phase_ = Phase::kFinalEvaluation;
  parts_.mode.coordinator().Finish();
  judge_.AskFinal(progress_.run_env_steps(), SteadyTime());
  Report(Waiting());  // Before any actor can see the request.
  HandOutEvaluation();
}

void TrainingRun::End(const std::string& reason) {
  phase_ = Phase::kOver;
  const RunCounters counters = progress_.counters();
  result_.reason = reason;
  result_.env_steps = progress_.run_env_steps();
  result_.learner_steps = counters.learner_steps;
  result_.wall_s = counters.wall_s;
  result_.settings = EndSettings(config_);
  spdlog::info("the run is over: {}", reason);
}

void TrainingRun::SaveAtEnd() {
  // Must come before Log takes the losses, to be able to name them.
  const bool finite = health_.StillFinite(core_.get());
  if (!finite) SaveNewestPolicy();
  reporter_.Log(Now());
  if (finite && (parts_.mode.saves_anywhere() || phase_ == Phase::kOver)) {
    SaveStep(progress_.run_env_steps());  // The small file first.
    Checkpoint();
  }
  saver_.Wait();
  if (newest_policy_ != nullptr) {
    LogIfError(parts_.directory.ReleasePolicyVersionsAfter(newest_policy_->policy().version()));
  }
  if (phase_ != Phase::kOver) {
    saver_.LogStop(progress_.env_steps());
  } else if (!health_.failure().ok()) {  // The run has its policy, so this no longer matters.
    spdlog::warn("{}", std::string(health_.failure().message()));
  }
}

// The last published policy is finite and may be newer than the newest model.
void TrainingRun::SaveNewestPolicy() {
  if (newest_policy_ == nullptr || !parts_.replication.leads_run()) return;
  const v1::PolicyUpdate& policy = newest_policy_->policy();
  LogIfError(saver_.SaveModel(absl::StrCat(policy.env_steps()), *env_,
                              core_->algorithm().policy().spec(), policy));
}

absl::Status TrainingRun::WriteResult() {
  if (!parts_.replication.leads_run()) return absl::OkStatus();
  const v1::PolicyUpdate& policy =
      final_policy_ == nullptr ? newest_policy_->policy() : final_policy_->policy();
  result_.policy_version = policy.version();
  absl::Status status =
      saver_.SaveModel(kFinalModel, *env_, core_->algorithm().policy().spec(), policy);
  status.Update(parts_.directory.WriteResult(result_));
  return status;
}

WaitState TrainingRun::Waiting() const {
  if (core_ == nullptr) {
    return {WaitReason::kFirstActor, "the learner waits for an actor to join with an environment"};
  }
  if (phase_ == Phase::kFinalEvaluation) {
    return {WaitReason::kEvaluation, absl::StrCat("the final ", parts_.evaluations.Waiting())};
  }
  if (!parts_.replication.in_step()) {
    return {WaitReason::kReplicas, parts_.replication.Waiting()};
  }
  if (!update_problem_.empty()) return {WaitReason::kUpdate, update_problem_};
  if (std::optional<WaitState> waiting = parts_.mode.Waiting(*this)) return *std::move(waiting);
  const int64_t steps = parts_.intake.NextSteps();
  const std::string insert = steps > 0 ? core_->WhyNoInsert(steps) : "";
  if (!insert.empty()) return {WaitReason::kLearner, insert};
  std::string update = core_->WhyNoUpdate();
  if (update.empty() || steps >= 0) return {WaitReason::kNothing, "training"};
  const bool warms_up =
      !config_.algorithm.on_policy() && core_->holding().transitions < config_.replay.size_min;
  if (parts_.intake.streams() == 0) absl::StrAppend(&update, "; no actor is connected");
  return {warms_up ? WaitReason::kWarmUp : WaitReason::kExperience, std::move(update)};
}

absl::Time TrainingRun::next_deadline() const {
  return std::min({reporter_.next_log(), saver_.next_due(), judge_.final_deadline()});
}

void TrainingRun::ReportIfDue() {
  if (reporter_.ReportDue(SteadyTime())) Report(Waiting());
}

RunReporter::Moment TrainingRun::Now() const {
  RunReporter::Moment now;
  now.counters = progress_.counters();
  now.run_env_steps = progress_.run_env_steps();
  now.policy_version = parts_.publisher.newest_version();
  now.core = core_.get();
  now.reports_success = env_ && env_->reports_success;
  now.curriculum = curriculum_.has_value() ? &*curriculum_ : nullptr;
  now.finished = phase_ == Phase::kOver;
  now.target_reached = result_.target_reached;
  return now;
}

}  // namespace armature
