#include "learner/training/trainer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/policy/policy_wire.h"
#include "common/spec/env_spec.h"
#include "common/sync/steady_time.h"
#include "learner/intake/experience_check.h"
#include "learner/nn/state.h"
#include "learner/run/run_end.h"
#include "learner/run/run_models.h"
#include "learner/service/message_sizes.h"
#include "learner/training/divergence.h"
#include "learner/training/observation_advice.h"
#include "learner/training/off_policy_core.h"
#include "learner/training/on_policy_core.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
// Batches taken in before the next update: neither side starves the other.
constexpr int kBatchesARound = 16;
// Of a refused batch, whose size nobody has checked.
constexpr int64_t kRefusedStepsMax = 1000;
constexpr absl::Duration kWaitMax = absl::Seconds(1);
// How long the end waits for actors to say goodbye.
constexpr absl::Duration kLingerMax = absl::Seconds(5);

WaitState ForFirstActor() {
  return {WaitReason::kFirstActor, "the learner waits for an actor to join with an environment"};
}

CheckpointSection CheckpointSettings(const RunConfig& config) {
  CheckpointSection settings = config.checkpoint;
  if (config.reproducible.enabled) settings.every_s = 0;
  return settings;
}

}  // namespace

Trainer::Trainer(const RunConfig& config, const Parts& parts, c10::Device device)
    : config_(config),
      parts_(parts),
      device_(device),
      saver_(CheckpointSettings(config), parts.directory, parts.metrics),
      reporter_(config, parts.directory, parts.metrics, parts.status),
      judge_(config.evaluation, parts.evaluations),
      watch_(absl::Seconds(config.learner.unusable_experience_timeout_s)),
      last_round_(SteadyTime()) {
  result_.success_rate = kNaN;
  result_.return_mean = kNaN;
  saver_.set_on_progress([this](const std::string& sentence) {
    Report({WaitReason::kCheckpoint, "the learner " + sentence});
  });
  Report(ForFirstActor());
}

void Trainer::Stop() {
  stop_ = true;
  if (parts_.replicas != nullptr) parts_.replicas->group().Stop();
  if (parts_.goal_reward != nullptr) parts_.goal_reward->Cancel();
  parts_.wake->Notify();
}

absl::Status Trainer::Restore() {
  const absl::StatusOr<RunCheckpoint> checkpoint = saver_.LoadNewest();
  if (absl::IsNotFound(checkpoint.status()) && parts_.replicas == nullptr) {
    const absl::StatusOr<std::string> aside = parts_.directory->PutAside();
    if (!aside.ok()) return aside.status();
    saver_.BeginAnew();
    if (!aside->empty()) spdlog::warn("what the run had written is in {}", *aside);
  }
  if (!checkpoint.ok()) return checkpoint.status();
  if (checkpoint->env.id != config_.environment.id) {
    return absl::FailedPreconditionError(
        absl::StrCat("the checkpoint is of environment ", checkpoint->env.id,
                     ", but environment.id=", config_.environment.id));
  }
  absl::Status status = config_.ValidateResume(checkpoint->counters.env_steps);
  if (!status.ok()) return status;
  if (status = MakeCore(checkpoint->env); !status.ok()) return status;
  status = core_->LoadState({checkpoint->state.begin(), checkpoint->state.end()});
  if (!status.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the checkpoint does not fit the configuration: ", status.message()));
  }
  if (status = BeginReplicas(); !status.ok()) return status;
  counters_ = checkpoint->counters;
  saved_env_steps_ = counters_.env_steps;
  reporter_.GoOnFrom(counters_);
  const RunCounters& c = counters_;
  parts_.metrics->env_steps.Increment(c.env_steps);
  parts_.metrics->learner_steps.Increment(c.learner_steps);
  parts_.metrics->episodes.Increment(c.episodes);
  parts_.metrics->slot_restarts.Increment(c.restarted_slots);
  parts_.metrics->batches_admitted.Increment(c.batches_admitted);
  judge_.GoOnFrom(c.env_steps);
  if (parts_.replicas == nullptr) {  // Else these are not the run's env steps.
    saver_.GoOnFrom(c.env_steps);
    LogIfError(parts_.directory->GoOnFrom(c.env_steps));
  }
  parts_.intake->Restore(checkpoint->acknowledged);
  PublishIfDue();
  Report(Waiting());
  status = parts_.admission->SetSpec(checkpoint->env);
  spdlog::info("resumed at {} env steps, {} learner steps, {} transitions", c.env_steps,
               c.learner_steps, core_->holding().transitions);
  return status;
}

absl::Status Trainer::MakeCore(const EnvSpec& env) {
  if (absl::Status status = CheckMessageSizes(config_, env); !status.ok()) return status;
  parts_.evaluations->SetBounds(EpisodeBounds::Of(env));
  if (config_.algorithm.on_policy()) {
    auto core = OnPolicyCore::Create(config_, env, device_, parts_.coordinator);
    if (!core.ok()) return core.status();
    core_ = *std::move(core);
  } else {
    auto core = OffPolicyCore::Create(config_, env, device_, parts_.goal_reward);
    if (!core.ok()) return core.status();
    core_ = *std::move(core);
    if (parts_.goal_reward != nullptr) parts_.goal_reward->SetEnv(env);
  }
  env_ = env;
  reporter_.Begin(SteadyTime());
  saver_.Begin(SteadyTime());
  spdlog::info("{} on {}: {}", config_.algorithm.name, env.id, core_->Describe());
  const std::string advice = AdviceOnImages(env, config_.algorithm.network.normalize_observation);
  if (!advice.empty()) spdlog::warn("{}", advice);
  return absl::OkStatus();
}

// Begins with what another run has learned.
absl::Status Trainer::LoadOtherRun() {
  const RunSection& run = config_.run;
  const absl::StatusOr<RunCheckpoint> other = RunSaver::LoadStep(run.load, run.load_step);
  if (!other.ok()) return other.status();
  std::map<std::string, at::Tensor> state(other->state.begin(), other->state.end());
  state.erase(kGenerator);  // Seeds that begin with the same run draw apart.
  const absl::Status status = core_->LoadState(state);
  if (!status.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("run.load=", run.load, " does not fit the configuration: ", status.message()));
  }
  counters_.learner_steps = core_->algorithm().learner_steps();
  reporter_.GoOnFrom(counters_);
  spdlog::info("begins with what run {} had learned at {} env steps", other->run_id,
               other->counters.env_steps);
  return absl::OkStatus();
}

absl::Status Trainer::BeginReplicas() {
  if (parts_.replicas == nullptr) return absl::OkStatus();
  parts_.replicas->group().set_on_wait([this](const std::string& waiting) {
    Report({WaitReason::kReplicas, waiting});
  });
  return parts_.replicas->Begin(
      {config_.algorithm.name, config_.learner.averaging, SpecHash(*env_)}, &core_->algorithm());
}

bool Trainer::Decides() const {
  return parts_.replicas == nullptr || parts_.replicas->group().decides();
}

uint64_t Trainer::RunEnvSteps() const {
  return counters_.env_steps +
         (parts_.replicas == nullptr ? 0 : parts_.replicas->group().others_env_steps());
}

absl::StatusOr<bool> Trainer::Run() {
  while (!stop_ && failure_.ok()) {
    absl::StatusOr<bool> busy = Begin();
    if (!busy.ok()) return busy.status();
    if (core_ != nullptr) {
      if (parts_.rounds != nullptr && phase_ == Phase::kTraining) {
        if (absl::Status status = parts_.rounds->Check(); !status.ok()) return status;
      }
      const absl::StatusOr<bool> joined = Synchronize();
      if (!joined.ok()) return joined.status();
      *busy |= *joined;
      *busy |= parts_.rounds != nullptr ? TakeRound() : TakeExperience();
      *busy |= Learn();
      if (phase_ == Phase::kTraining) FailIfNothingIsLearned(watch_.Problem(SteadyTime()));
      if (!failure_.ok()) break;
      *busy |= Evaluate();
      if (parts_.rounds != nullptr && phase_ == Phase::kTraining) {
        *busy |= EndRound();
      } else {
        if (saver_.StepDue(RunEnvSteps())) SaveStep(saver_.StepOf(RunEnvSteps()));
        EndIfBudgetIsSpent();
      }
      if (phase_ == Phase::kOver) break;
      CountLimiterWaits();
      const absl::Time now = SteadyTime();
      if (now >= reporter_.next_log() && StillFinite()) reporter_.Log(Now());
      if (now >= saver_.next_due()) Checkpoint();
    }
    if (!*busy) {
      Wait();
    } else if (reporter_.ReportDue(SteadyTime())) {
      Report(Waiting());
    }
  }
  if (core_ != nullptr) SaveAtEnd();
  if (newest_policy_ != nullptr) {
    LogIfError(parts_.directory->ReleasePolicyVersionsAfter(newest_policy_->policy().version()));
  }
  if (phase_ != Phase::kOver) {
    if (failure_.ok()) return false;
    Report({WaitReason::kNothing, std::string(failure_.message())});
    return failure_;
  }
  if (Decides()) {
    if (absl::Status status = WriteResult(); !status.ok()) return status;
  }
  if (parts_.replicas != nullptr) parts_.replicas->group().End(result_.reason);
  Report({WaitReason::kNothing, "the run is over"});
  parts_.publisher->EndRun(result_.reason);
  Linger();
  return true;
}

// Makes the core as soon as an actor has brought the environment's spec.
absl::StatusOr<bool> Trainer::Begin() {
  if (core_ != nullptr) return false;
  const std::optional<EnvSpec> env = parts_.admission->spec();
  if (!env) return false;
  const std::string warning = EpisodeLengthWarning(config_.evaluation, *env);
  if (!warning.empty()) spdlog::warn(warning);
  absl::Status status = MakeCore(*env);
  if (status.ok() && !config_.run.load.empty()) status = LoadOtherRun();
  if (status.ok()) status = BeginReplicas();
  if (!status.ok()) return status;
  PublishIfDue();
  return true;
}

// Between two updates: what the other replicas want of this one.
absl::StatusOr<bool> Trainer::Synchronize() {
  if (parts_.replicas == nullptr) return false;
  if (!in_step_) Report(Waiting());  // To join may take a while.
  const bool was_in_step = in_step_;
  const auto standing = parts_.replicas->Synchronize(counters_.env_steps);
  if (!standing.ok()) return standing.status();
  using Standing = ReplicaGroup::Standing;
  in_step_ = *standing == Standing::kMember || *standing == Standing::kJoined;
  if (*standing == Standing::kRunIsOver) EndTraining("replica 0 has ended the run");
  if (*standing == Standing::kJoined) {
    counters_.learner_steps = core_->algorithm().learner_steps();
    reporter_.GoOnFrom(counters_);
    if (newest_policy_ != nullptr) Publish();
  }
  if (in_step_ && !was_in_step) PublishIfDue();
  return in_step_ != was_in_step;
}

bool Trainer::TakeExperience() {
  bool busy = false;
  for (int i = 0; phase_ == Phase::kTraining && i < kBatchesARound; ++i) {
    const int64_t steps = parts_.intake->NextSteps();
    if (steps < 0 || (steps > 0 && !core_->CanInsert(steps))) break;
    const std::optional<ExperienceIntake::Entry> entry = parts_.intake->Pop();
    busy = true;
    if (!entry->refusal.empty()) {
      ++counters_.batches_refused;
      watch_.CountRefused(entry->actor.first, std::min(entry->refused_steps, kRefusedStepsMax),
                          entry->refusal);
      parts_.intake->Refused(*entry, entry->refusal);
      continue;
    }
    Store(*entry);
  }
  if (busy) OnInserted();
  return busy;
}

void Trainer::Store(const ExperienceIntake::Entry& entry) {
  if (first_experience_ == absl::InfiniteFuture()) first_experience_ = SteadyTime();
  const v1::ExperienceBatch& batch = entry.batch;
  Count(batch);
  const auto voided = static_cast<int64_t>(batch.restarted_slots());
  watch_.CountVoid(entry.actor.first, voided, batch.fault());
  // Of a trajectory's steps the void ones are some.
  const int64_t steps = ExperienceSteps(batch);
  const int64_t usable = batch.has_trajectory() ? std::max<int64_t>(0, steps - voided) : steps;
  const absl::Status status = IsVoid(batch) ? absl::OkStatus() : core_->Insert(entry.actor, batch);
  if (status.ok()) {
    watch_.CountUsable(entry.actor.first, usable);
    ++counters_.batches_admitted;
    parts_.metrics->batches_admitted.Increment();
    parts_.intake->Stored(entry);
  } else {
    ++counters_.batches_refused;
    watch_.CountRefused(entry.actor.first, usable, std::string(status.message()));
    (absl::IsInvalidArgument(status) ? parts_.metrics->batches_refused_content
                                     : parts_.metrics->batches_refused_stale)
        .Increment();
    parts_.intake->Refused(entry, absl::StrCat("actor ", entry.actor.first, ", batch ",
                                               batch.sequence(), ": ", status.message()));
  }
}

void Trainer::OnInserted() {
  const LearningCore::Holding holding = core_->holding();
  parts_.metrics->replay_transitions.Set(holding.transitions);
  parts_.metrics->replay_bytes.Set(holding.bytes);
  parts_.metrics->replay_fill_ratio.Set(holding.fill_ratio);
  PublishIfDue();  // Random steps are over.
}

void Trainer::Count(const v1::ExperienceBatch& batch) {
  counters_.env_steps += ExperienceSteps(batch);
  counters_.episodes += batch.episodes_size();
  counters_.restarted_slots += batch.restarted_slots();
  reporter_.Count(batch, parts_.publisher->newest_version());
}

bool Trainer::Learn() {
  if (phase_ != Phase::kTraining || !in_step_ || !core_->CanUpdate()) return false;
  const absl::Time start = SteadyTime();
  const absl::Status updated = core_->Update(
      std::min(1.0, static_cast<double>(RunEnvSteps()) / config_.run.total_env_steps));
  if (absl::IsDataLoss(updated)) {
    Diverged(updated);
    return false;
  }
  if (absl::IsFailedPrecondition(updated)) {  // Nobody will ever give rewards of other goals.
    failure_ = updated;
    return false;
  }
  if (updated.message() != update_problem_) {
    update_problem_ = std::string(updated.message());
    spdlog::warn("{}", updated.ok() ? "the learner goes on" : update_problem_);
  }
  if (!updated.ok()) return false;
  parts_.metrics->update_duration_seconds.Observe(absl::ToDoubleSeconds(SteadyTime() - start));
  if (parts_.replicas != nullptr) {
    const absl::Status averaged = parts_.replicas->AfterUpdate(counters_.env_steps);
    if (absl::IsDataLoss(averaged)) {
      Diverged(averaged);
      return false;
    }
    LogIfError(averaged);
  }
  const uint64_t steps = core_->algorithm().learner_steps();
  parts_.metrics->learner_steps.Increment(steps - counters_.learner_steps);
  counters_.learner_steps = steps;
  PublishIfDue();
  return true;
}

void Trainer::PublishIfDue() {
  // Actors may still act with what a former process published after its last
  // checkpoint; without a newer version their experience would be refused for ever.
  // (In rounds they begin with an empty memory.)
  const bool lost_its_policy = parts_.rounds == nullptr && newest_policy_ == nullptr &&
                               parts_.directory->policy_versions_used() > 0;
  if (lost_its_policy || (in_step_ && core_->PublishDue(counters_.env_steps))) Publish();
}

void Trainer::Publish() {
  if (!StillFinite()) return;
  const absl::Time start = SteadyTime();
  const uint64_t version = parts_.publisher->next_version();
  LogIfError(parts_.directory->ReservePolicyVersion(version));
  v1::PolicyUpdate update;
  update.set_learner_steps(core_->algorithm().learner_steps());
  update.set_env_steps(RunEnvSteps());
  EncodePolicy(core_->algorithm().policy().tensors(), &update);
  // An actor may use it and send before Publish returns.
  parts_.intake->SetNewestVersion(version);
  newest_policy_ = parts_.publisher->Publish(std::move(update));
  core_->OnPublished(version);
  judge_.OnPublished(newest_policy_);
  parts_.metrics->policy_version.Set(version);
  parts_.metrics->publish_duration_seconds.Observe(absl::ToDoubleSeconds(SteadyTime() - start));
}

bool Trainer::Evaluate() {
  const absl::Time now = SteadyTime();
  if (parts_.coordinator != nullptr && phase_ == Phase::kTraining) {
    const uint64_t lapsed = parts_.coordinator->lapsed_grants();
    parts_.intake->Deliver(parts_.coordinator->Issue(now));
    parts_.metrics->grants_lapsed.Increment(parts_.coordinator->lapsed_grants() - lapsed);
  }
  if (phase_ == Phase::kTraining && parts_.rounds == nullptr && Decides()) {
    judge_.AskIfDue(RunEnvSteps());
  }
  const uint64_t failures = parts_.evaluations->failures();
  judge_.HandOut(now);
  const std::optional<Judgement> judgement = judge_.Take(env_->reports_success, RunEnvSteps());
  if (judgement) HandleJudgement(*judgement);
  parts_.metrics->evaluation_failures.Increment(parts_.evaluations->failures() - failures);
  return judgement.has_value();
}

void Trainer::HandleJudgement(const Judgement& judgement) {
  const EvaluationOutcome& outcome = judgement.outcome;
  ++counters_.evaluations;
  reporter_.LogEvaluation(outcome, Now());
  spdlog::info("{}", judgement.summary);
  if (judgement.policy != nullptr) {
    saver_.OfferBest(outcome, *env_, core_->algorithm().policy().spec(),
                     judgement.policy->policy());
  }
  if (!judgement.is_last) return;
  final_policy_ = judgement.policy;
  result_.target_reached = judgement.solved;
  result_.success_rate = env_->reports_success ? outcome.success_rate : kNaN;
  result_.return_mean = outcome.return_mean;
  EndTraining(judgement.solved ? absl::StrCat("solved: ", judgement.summary)
                               : absl::StrCat("run.total_env_steps reached; ", judgement.summary));
}

// Off-policy the run ends with the step that spends it, on-policy with the set.
void Trainer::EndIfBudgetIsSpent() {
  if (!Decides()) return;
  const bool spent = RunEnvSteps() >= static_cast<uint64_t>(config_.run.total_env_steps);
  if (phase_ == Phase::kTraining && spent &&
      (!config_.algorithm.on_policy() || core_->holding().transitions == 0)) {
    FailIfNothingIsLearned(watch_.ProblemAtEnd());
    if (!failure_.ok()) return;
    Publish();
    if (!failure_.ok()) return;
    if (config_.evaluation.every_env_steps == 0) {
      EndTraining("run.total_env_steps reached; evaluation is off");
      return;
    }
    phase_ = Phase::kFinalEvaluation;
    if (parts_.coordinator != nullptr) parts_.coordinator->Finish();
    judge_.AskFinal(RunEnvSteps(), SteadyTime());
    Report(Waiting());  // Before anyone can see the request.
    judge_.HandOut(SteadyTime());
  }
  if (phase_ == Phase::kFinalEvaluation && SteadyTime() >= judge_.final_deadline()) {
    EndTraining(absl::StrCat("run.total_env_steps reached; no final evaluation: ",
                             parts_.evaluations->Waiting()));
  }
}

void Trainer::EndTraining(const std::string& reason) {
  phase_ = Phase::kOver;
  result_.reason = reason;
  result_.env_steps = RunEnvSteps();
  result_.learner_steps = counters_.learner_steps;
  result_.wall_s = WallSeconds();
  result_.settings = EndSettings(config_);
  spdlog::info("the run is over: {}", reason);
}

absl::Status Trainer::WriteResult() {
  const v1::PolicyUpdate& policy =
      final_policy_ == nullptr ? newest_policy_->policy() : final_policy_->policy();
  result_.policy_version = policy.version();
  absl::Status status =
      saver_.SaveModel(kFinalModel, *env_, core_->algorithm().policy().spec(), policy);
  status.Update(parts_.directory->WriteResult(result_));
  return status;
}

// Acknowledges what actors send as they leave, so that none waits for it.
void Trainer::Linger() {
  const absl::Time deadline = SteadyTime() + kLingerMax;
  while (!stop_ && SteadyTime() < deadline) {
    while (const std::optional<ExperienceIntake::Entry> entry = parts_.intake->Pop()) {
      parts_.intake->Stored(*entry);
    }
    if (parts_.intake->streams() == 0 && parts_.publisher->subscribers() == 0) return;
    parts_.wake->WaitUntil(deadline);
  }
}

RunCheckpoint Trainer::State(bool with_experience) const {
  RunCheckpoint checkpoint;
  checkpoint.env = *env_;
  checkpoint.counters = Now().counters;
  checkpoint.state = core_->State(with_experience);
  return checkpoint;
}

void Trainer::Checkpoint() {
  if (!StillFinite()) return;
  Report({WaitReason::kCheckpoint, "the learner prepares a checkpoint"});
  RunCheckpoint checkpoint = State(config_.checkpoint.replay);
  checkpoint.acknowledged = parts_.intake->AcknowledgedSequences();
  saver_.Save(std::move(checkpoint));
  ForgetDivergence(parts_.directory->path());
}

void Trainer::SaveStep(uint64_t step) {
  if (newest_policy_ == nullptr || !Decides() || !StillFinite()) return;
  RunCheckpoint state = State(/*with_experience=*/false);
  state.counters.env_steps = RunEnvSteps();
  saver_.SaveStep(step, std::move(state), core_->algorithm().policy().spec(),
                  newest_policy_->policy());
}

void Trainer::CountLimiterWaits() {
  const absl::Time now = SteadyTime();
  const double seconds = absl::ToDoubleSeconds(now - last_round_);
  last_round_ = now;
  if (insert_blocked_) parts_.metrics->insert_wait_seconds.Increment(seconds);
  if (update_blocked_) parts_.metrics->sample_wait_seconds.Increment(seconds);
  const int64_t steps = parts_.intake->NextSteps();
  const bool training = phase_ == Phase::kTraining && !config_.algorithm.on_policy();
  insert_blocked_ = training && steps > 0 && !core_->CanInsert(steps);
  update_blocked_ = training && !core_->CanUpdate();
}

// Every deadline here is one that the next round acts on. Each is infinite while nobody
// would: before there is a core, and after training is over.
void Trainer::Wait() {
  absl::Time deadline = SteadyTime() + kWaitMax;
  deadline = std::min({deadline, reporter_.next_log(), saver_.next_due(), judge_.final_deadline(),
                       parts_.evaluations->next_deadline()});
  if (parts_.coordinator != nullptr) {
    deadline = std::min(deadline, parts_.coordinator->next_deadline());
  }
  if (parts_.replicas != nullptr) {
    deadline = std::min(deadline, parts_.replicas->group().next_deadline());
  }
  Report(Waiting());
  parts_.wake->WaitUntil(deadline);
}

WaitState Trainer::Waiting() const {
  if (core_ == nullptr) return ForFirstActor();
  if (phase_ == Phase::kFinalEvaluation) {
    return {WaitReason::kEvaluation, absl::StrCat("the final ", parts_.evaluations->Waiting())};
  }
  if (!in_step_) return {WaitReason::kReplicas, parts_.replicas->group().Waiting()};
  if (!update_problem_.empty()) return {WaitReason::kUpdate, update_problem_};
  if (parts_.rounds != nullptr && !core_->CanUpdate()) {
    const std::string evaluation = parts_.evaluations->Waiting();
    if (evaluation.empty()) return {WaitReason::kExperience, parts_.rounds->Waiting()};
    return {WaitReason::kEvaluation, absl::StrCat("the ", evaluation)};
  }
  const int64_t steps = parts_.intake->NextSteps();
  const std::string insert = steps > 0 ? core_->WhyNoInsert(steps) : "";
  if (!insert.empty()) return {WaitReason::kLearner, insert};
  std::string update = core_->WhyNoUpdate();
  if (update.empty() || steps >= 0) return {WaitReason::kNothing, "training"};
  const bool warms_up =
      !config_.algorithm.on_policy() && core_->holding().transitions < config_.replay.size_min;
  if (parts_.intake->streams() == 0) absl::StrAppend(&update, "; no actor is connected");
  return {warms_up ? WaitReason::kWarmUp : WaitReason::kExperience, std::move(update)};
}

void Trainer::Report(const WaitState& waiting) { reporter_.Report(Now(), waiting); }

RunReporter::Moment Trainer::Now() const {
  RunReporter::Moment now;
  now.counters = counters_;
  now.counters.wall_s = WallSeconds();
  now.run_env_steps = RunEnvSteps();
  now.policy_version = parts_.publisher->newest_version();
  now.core = core_.get();
  now.reports_success = env_ && env_->reports_success;
  now.finished = phase_ == Phase::kOver;
  now.target_reached = result_.target_reached;
  return now;
}

double Trainer::WallSeconds() const {
  const absl::Time now = SteadyTime();
  if (now <= first_experience_) return counters_.wall_s;
  return counters_.wall_s + absl::ToDoubleSeconds(now - first_experience_);
}

}  // namespace armature
