#include "learner/training/run_reporter.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/sync/steady_time.h"
#include "learner/intake/experience_check.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr absl::Duration kReportInterval = absl::Milliseconds(100);

// Other names in Stable-Baselines3, so that both libraries' curves share a plot.
struct OtherName {
  const char* ours;
  const char* stable_baselines;
  double factor;
};
constexpr OtherName kOtherNames[] = {
    {"eval/ep_len_mean", "eval/mean_ep_length", 1},
    {"train/temperature", "train/ent_coef", 1},
    {"train/policy_loss", "train/policy_gradient_loss", 1},
};
// Stable-Baselines3's PPO logs the loss from the entropy; its SAC logs no entropy.
constexpr OtherName kEntropyLoss = {"train/entropy", "train/entropy_loss", -1};

void AddOtherName(const OtherName& name, std::map<std::string, double>* scalars) {
  const auto found = scalars->find(name.ours);
  if (found != scalars->end()) {
    scalars->emplace(name.stable_baselines, name.factor * found->second);
  }
}

void AddOtherNames(bool on_policy, std::map<std::string, double>* scalars) {
  for (const OtherName& name : kOtherNames) AddOtherName(name, scalars);
  if (on_policy) AddOtherName(kEntropyLoss, scalars);
}

}  // namespace

void LogIfError(const absl::Status& status) {
  if (!status.ok()) spdlog::error("{}", std::string(status.message()));
}

RunReporter::RunReporter(const RunConfig& config, RunDirectory* directory, LearnerMetrics* metrics,
                         StatusBoard* status)
    : config_(config), directory_(directory), metrics_(metrics), status_(status) {
  metrics_->checkpoint_period_seconds.Set(config.reproducible.enabled ? 0
                                                                      : config.checkpoint.every_s);
}

void RunReporter::Begin(const EnvSpec& env, absl::Time now) {
  metric_names_.clear();
  for (const MetricSpec& metric : env.metrics) metric_names_.push_back(metric.name);
  window_.CountMetrics(metric_names_.size());
  metrics_->AddEpisodeMetrics(metric_names_);
  last_log_ = now;
  next_log_ = now + absl::Seconds(config_.learner.log_every_s);
}

void RunReporter::GoOnFrom(const RunCounters& counters) {
  logged_env_steps_ = counters.env_steps;
  logged_learner_steps_ = counters.learner_steps;
}

void RunReporter::Count(const v1::ExperienceBatch& batch, uint64_t newest_version) {
  metrics_->env_steps.Increment(ExperienceSteps(batch));
  metrics_->episodes.Increment(batch.episodes_size());
  metrics_->slot_restarts.Increment(batch.restarted_slots());
  for (const v1::Episode& episode : batch.episodes()) window_.Add(episode);
  const uint64_t oldest = OldestPolicyVersion(batch);
  if (oldest > 0) {  // 0: uniformly random actions, no policy.
    // Versions up to `former` belong to an earlier process, which may not have used all of them.
    // They count as the version before this process's first.
    const uint64_t former = directory_->policy_versions_used();
    const uint64_t lag = newest_version - std::max(oldest, former);
    window_.policy_lag.Add(lag);
    metrics_->policy_lag.Observe(lag);
  }
}

void RunReporter::Log(const Moment& moment) {
  const absl::Time now = SteadyTime();
  const double seconds = std::max(1e-3, absl::ToDoubleSeconds(now - last_log_));
  const RunCounters& counters = moment.counters;
  std::map<std::string, double> scalars = moment.core->algorithm().TakeScalars();
  metrics_->SetScalars(scalars);
  scalars["rollout/ep_rew_mean"] = window_.episode_return.mean();
  scalars["rollout/ep_len_mean"] = window_.episode_length.mean();
  if (moment.reports_success) scalars["rollout/success_rate"] = window_.success_rate.mean();
  for (size_t i = 0; i < metric_names_.size(); ++i) {
    const double mean = window_.metrics[i].mean();
    scalars[absl::StrCat("metrics/", metric_names_[i])] = mean;
    metrics_->episode_metrics[i].Set(mean);
  }
  if (moment.curriculum != nullptr) {
    scalars["curriculum/" + moment.curriculum->parameter()] = moment.curriculum->level();
    metrics_->curriculum_level.Set(moment.curriculum->level());
  }
  scalars["time/fps"] = (counters.env_steps - logged_env_steps_) / seconds;
  scalars["time/updates_per_s"] = (counters.learner_steps - logged_learner_steps_) / seconds;
  scalars["train/learner_steps"] = counters.learner_steps;
  scalars["train/policy_lag"] = window_.policy_lag.mean();
  AddOtherNames(config_.algorithm.on_policy(), &scalars);
  LogIfError(directory_->LogProgress(scalars, moment.run_env_steps, counters.wall_s, absl::Now()));
  spdlog::debug("at {} env steps: {}", moment.run_env_steps,
                absl::StrJoin(scalars, " ", absl::PairFormatter("=")));
  GoOnFrom(counters);
  last_log_ = now;
  next_log_ = now + absl::Seconds(config_.learner.log_every_s);
  if (const double mean = window_.episode_return.mean(); std::isfinite(mean)) {
    metrics_->episode_return_mean.Set(mean);
  }
}

void RunReporter::LogEvaluation(const EvaluationOutcome& outcome, const Moment& moment) {
  last_outcome_ = outcome;
  metrics_->evaluation_return.Set(outcome.return_mean);
  std::map<std::string, double> scalars = {{"eval/mean_reward", outcome.return_mean},
                                           {"eval/ep_len_mean", outcome.length_mean},
                                           {"eval/policy_version", outcome.policy_version}};
  if (moment.reports_success) {
    scalars["eval/success_rate"] = outcome.success_rate;
    metrics_->evaluation_success_rate.Set(outcome.success_rate);
  }
  for (size_t i = 0; i < outcome.metric_means.size(); ++i) {
    scalars[absl::StrCat("eval/metrics/", metric_names_[i])] = outcome.metric_means[i];
  }
  AddOtherNames(config_.algorithm.on_policy(), &scalars);
  LogIfError(
      directory_->LogEvaluation(scalars, outcome.env_steps, moment.counters.wall_s, absl::Now()));
}

bool RunReporter::ReportDue(absl::Time now) const { return now - last_report_ > kReportInterval; }

void RunReporter::Report(const Moment& moment, const WaitState& waiting) {
  last_report_ = SteadyTime();
  const RunCounters& counters = moment.counters;
  const double budget = static_cast<double>(config_.run.total_env_steps);
  const double made = std::min(budget, static_cast<double>(moment.run_env_steps));
  pace_.Observe(made, counters.wall_s);
  metrics_->budget_ratio.Set(made / budget);
  metrics_->time_left_seconds.Set(moment.finished ? 0 : pace_.SecondsFor(budget - made));
  metrics_->SetWaiting(waiting.reason);
  v1::StatusResponse status;
  status.set_run_id(directory_->run_id());
  status.set_run_dir(directory_->path());
  status.set_environment(config_.environment.id);
  status.set_algorithm(config_.algorithm.name);
  status.set_env_steps(counters.env_steps);
  status.set_learner_steps(counters.learner_steps);
  status.set_policy_version(moment.policy_version);
  status.set_policy_lag_mean(window_.policy_lag.mean());
  status.set_replay_fill_ratio(moment.core == nullptr ? 0 : moment.core->holding().fill_ratio);
  status.set_episodes(counters.episodes);
  status.set_episode_return_mean(window_.episode_return.mean());
  status.set_episode_length_mean(window_.episode_length.mean());
  const bool success = moment.reports_success;
  status.set_success_rate(success ? window_.success_rate.mean() : kNaN);
  for (size_t i = 0; i < metric_names_.size(); ++i) {
    const double mean = window_.metrics[i].mean();
    if (!std::isfinite(mean)) continue;  // No episode yet.
    v1::MetricMean* metric = status.add_metric();
    metric->set_name(metric_names_[i]);
    metric->set_mean(mean);
  }
  status.set_batches_refused(counters.batches_refused);
  status.set_batches_duplicate(static_cast<uint64_t>(metrics_->batches_duplicate.value()));
  status.set_restarted_slots(counters.restarted_slots);
  status.set_waiting(waiting.sentence);
  status.set_evaluation_return_mean(last_outcome_ ? last_outcome_->return_mean : kNaN);
  status.set_evaluation_success_rate(last_outcome_ && success ? last_outcome_->success_rate : kNaN);
  status.set_evaluation_env_steps(last_outcome_ ? last_outcome_->env_steps : 0);
  status.set_finished(moment.finished);
  status.set_target_reached(moment.target_reached);
  status.set_wall_s(counters.wall_s);
  status_->Set(std::move(status), last_report_);
}

}  // namespace armature
