#include "learner/training/run_saver.h"

#include <filesystem>
#include <limits>
#include <system_error>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "common/cli/shell_word.h"
#include "common/policy/policy_wire.h"
#include "common/sync/steady_time.h"
#include "learner/checkpoint/policy_file.h"
#include "learner/run/run_models.h"
#include "learner/run/run_videos.h"
#include "learner/run/saved_steps.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();
// Time between log lines about one (large) checkpoint.
constexpr absl::Duration kLineEvery = absl::Seconds(5);
constexpr char kReturn[] = "evaluation_return_mean";
constexpr char kSuccess[] = "evaluation_success_rate";
constexpr char kEpisodes[] = "evaluation_episodes";

// If this fails, one file too many stays on disk, nothing worse.
void Remove(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
}

// What another run can start from, or at least act with, if this one cannot continue.
std::string WhatCanBeRead(const std::string& run_dir) {
  const std::vector<uint64_t> states = StateSteps(run_dir);
  for (auto step = states.rbegin(); step != states.rend(); ++step) {
    if (!RunSaver::LoadStep(run_dir, *step).ok()) continue;
    return absl::StrCat("a new run can begin with what it had learned: ",
                        ShellWord("run.load=" + run_dir), " run.load_step=", *step);
  }
  std::vector<std::string> models = {kFinalModel};
  for (const uint64_t step : ModelSteps(run_dir)) {
    models.insert(models.begin() + 1, absl::StrCat(step));
  }
  models.emplace_back(kBestModel);
  for (const std::string& model : models) {
    if (!TensorFile::Read(ModelPath(run_dir, model)).ok()) continue;
    return absl::StrCat("it cannot be trained further, but its policy can be used: ",
                        ModelPath(run_dir, model));
  }
  return "nor can any of its models";
}

}  // namespace

RunSaver::RunSaver(const CheckpointSection& settings, RunDirectory* directory,
                   LearnerMetrics* metrics)
    : settings_(settings),
      directory_(directory),
      metrics_(metrics),
      checkpoints_(directory->checkpoints(), settings.keep),
      next_step_(settings.save_freq > 0 ? settings.save_freq : kNever) {
  const absl::StatusOr<TensorFile> best =
      TensorFile::Read(ModelPath(directory->path(), kBestModel));
  if (!best.ok()) return;
  const auto return_mean = best->metadata.find(kReturn);
  const auto success = best->metadata.find(kSuccess);
  double return_value = 0;
  double success_value = 0;
  if (return_mean == best->metadata.end() ||
      !absl::SimpleAtod(return_mean->second, &return_value)) {
    return;
  }
  const bool reports =
      success != best->metadata.end() && absl::SimpleAtod(success->second, &success_value);
  best_ = ScoreOf(success_value, return_value, reports);
}

void RunSaver::Begin(absl::Time now) {
  if (settings_.every_s > 0) next_due_ = now + absl::Seconds(settings_.every_s);
}

void RunSaver::GoOnFrom(uint64_t env_steps) {
  const std::string& run = directory_->path();
  for (const uint64_t step : ModelSteps(run)) {
    if (step > env_steps) Remove(ModelPath(run, absl::StrCat(step)));
  }
  for (const uint64_t step : StateSteps(run)) {
    if (step > env_steps) Remove(StatePath(run, step));
  }
  RemoveRecordingsAfter(run, env_steps);
  if (const uint64_t every = settings_.save_freq; every > 0) {
    next_step_ = (env_steps / every + 1) * every;
  }
}

void RunSaver::Save(RunCheckpoint checkpoint) {
  Wait();
  checkpoint.run_id = directory_->run_id();
  writing_env_steps_ = checkpoint.counters.env_steps;
  next_due_ = absl::InfiniteFuture();
  TensorFile file = checkpoint.ToFile();  // Which looks at the rows.
  writer_.Begin(std::move(file), std::move(checkpoint.rows));
}

void RunSaver::NoteIfWritten() {
  if (const auto outcome = writer_.TakeOutcome()) Note(*outcome);
}

void RunSaver::Wait() {
  if (!writer_.is_writing()) return;
  absl::Time next_line = SteadyTime() + kLineEvery;
  Note(writer_.Wait([&](uint64_t written_bytes, uint64_t total_bytes) {
    const std::string sentence = absl::StrFormat("writes a checkpoint: %.1f of %.1f MB",
                                                 1e-6 * written_bytes, 1e-6 * total_bytes);
    on_progress_(sentence);
    if (SteadyTime() < next_line) return;
    spdlog::info("{}", sentence);
    next_line = SteadyTime() + kLineEvery;
  }));
}

void RunSaver::Note(const CheckpointWriter::Outcome& outcome) {
  absl::Status status = outcome.bytes.status();
  if (status.ok()) status = directory_->NoteCheckpoint();
  if (status.ok()) {
    metrics_->checkpoint_timestamp_seconds.Set(absl::ToUnixSeconds(absl::Now()));
    metrics_->checkpoint_duration_seconds.Observe(absl::ToDoubleSeconds(outcome.duration));
    metrics_->checkpoint_bytes.Increment(*outcome.bytes);
  } else {
    metrics_->checkpoint_failures.Increment();
    spdlog::error("no checkpoint at {} env steps: {}", writing_env_steps_,
                  std::string(status.message()));
  }
  Begin(SteadyTime());
}

void RunSaver::LogStop(uint64_t env_steps) const {
  const absl::StatusOr<uint64_t> saved = SavedEnvSteps(directory_->path());
  if (!saved.ok()) {
    spdlog::warn("stops at {} env steps; {}: they are lost", env_steps,
                 std::string(saved.status().message()));
  } else if (*saved < env_steps) {
    spdlog::warn("stops at {} env steps; the newest checkpoint has {}: the last {} are lost",
                 env_steps, *saved, env_steps - *saved);
  } else {
    spdlog::info("stops at {} env steps; the newest checkpoint has them", env_steps);
  }
}

uint64_t RunSaver::StepOf(uint64_t env_steps) const {
  const uint64_t every = settings_.save_freq;
  return every > 0 ? env_steps / every * every : env_steps;
}

void RunSaver::SaveStep(uint64_t step, RunCheckpoint state, const v1::PolicySpec& spec,
                        const v1::PolicyUpdate& policy) {
  const std::string& run = directory_->path();
  state.run_id = directory_->run_id();
  absl::Status status = state.ToFile().Write(StatePath(run, step)).status();
  status.Update(SaveModel(absl::StrCat(step), state.env, spec, policy));
  if (!status.ok()) {
    spdlog::error("no model at {} env steps: {}", step, std::string(status.message()));
  }
  if (const uint64_t every = settings_.save_freq; every > 0) {
    next_step_ = (step / every + 1) * every;
  }
  const size_t keep = settings_.models_keep;
  const std::vector<uint64_t> models = ModelSteps(run);
  for (size_t i = 0; i + keep < models.size(); ++i) {
    Remove(ModelPath(run, absl::StrCat(models[i])));
  }
  const std::vector<uint64_t> states = StateSteps(run);
  for (size_t i = 0; i + keep < states.size(); ++i) Remove(StatePath(run, states[i]));
}

RunSaver::Score RunSaver::ScoreOf(double success_rate, double return_mean,
                                  bool reports_success) const {
  const bool counts = reports_success && settings_.keep_best == "success";
  return {counts ? success_rate : 0, return_mean};
}

void RunSaver::OfferBest(const EvaluationOutcome& outcome, const EnvSpec& env,
                         const v1::PolicySpec& spec, const v1::PolicyUpdate& policy) {
  if (settings_.keep_best == "off") return;
  const Score score = ScoreOf(outcome.success_rate, outcome.return_mean, env.reports_success);
  if (best_ && score <= *best_) return;
  std::map<std::string, std::string> evaluation = {{kReturn, absl::StrCat(outcome.return_mean)},
                                                   {kEpisodes, absl::StrCat(outcome.episodes)}};
  if (env.reports_success) evaluation[kSuccess] = absl::StrCat(outcome.success_rate);
  const absl::Status status = SaveModel(kBestModel, env, spec, policy, evaluation);
  if (status.ok()) {
    best_ = score;
  } else {
    spdlog::error("no best model: {}", std::string(status.message()));
  }
}

void RunSaver::SaveRecording(const EvaluationOutcome& outcome) {
  std::string problem = outcome.recording_problem;
  if (!outcome.recording.empty()) {
    const absl::Status status =
        armature::SaveRecording(directory_->path(), outcome.env_steps, outcome.recording);
    problem = std::string(status.message());
  }
  if (!problem.empty() && problem != recording_problem_) {
    spdlog::warn("no video of the evaluation at {} env steps: {}", outcome.env_steps, problem);
  }
  recording_problem_ = std::move(problem);
}

absl::Status RunSaver::SaveModel(const std::string& name, const EnvSpec& env,
                                 const v1::PolicySpec& spec, const v1::PolicyUpdate& policy,
                                 const std::map<std::string, std::string>& evaluation) const {
  const absl::StatusOr<NamedTensors> tensors = DecodePolicy(policy);
  if (!tensors.ok()) return tensors.status();
  TensorFile file = MakePolicyFile(directory_->run_id(), env, spec, policy, *tensors);
  file.metadata.insert(evaluation.begin(), evaluation.end());
  return file.Write(ModelPath(directory_->path(), name)).status();
}

absl::StatusOr<RunCheckpoint> RunSaver::LoadNewest() const {
  absl::StatusOr<TensorFile> file = checkpoints_.LoadNewest();
  absl::StatusOr<RunCheckpoint> checkpoint =
      file.ok() ? RunCheckpoint::FromFile(*std::move(file)) : file.status();
  const bool is_lost = absl::IsDataLoss(checkpoint.status()) ||
                       (absl::IsNotFound(checkpoint.status()) && directory_->has_checkpointed());
  if (!is_lost) return checkpoint;
  return absl::DataLossError(
      absl::StrCat(checkpoint.status().message(), "; ", WhatCanBeRead(directory_->path())));
}

absl::StatusOr<RunCheckpoint> RunSaver::LoadStep(const std::string& run_dir, uint64_t env_steps) {
  const absl::StatusOr<std::string> path = FindState(run_dir, env_steps);
  if (!path.ok()) return path.status();
  absl::StatusOr<TensorFile> file = TensorFile::Read(*path);
  if (!file.ok()) return file.status();
  return RunCheckpoint::FromFile(*std::move(file));
}

}  // namespace armature
