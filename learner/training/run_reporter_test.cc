#include "learner/training/run_reporter.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/metrics/metrics.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

// Reports the given scalars; nothing else of it is used.
class ReportingAlgorithm final : public Algorithm {
 public:
  Scalars scalars;

  Scalars TakeScalars() override { return scalars; }
  std::string NonFiniteScalar() const override { return ""; }
  const PolicyNetwork& policy() const override { std::abort(); }
  int64_t learner_steps() const override { return 0; }
  NamedTensors State() const override { return {}; }
  absl::Status LoadState(const std::map<std::string, at::Tensor>&) override { return {}; }
  void set_gradient_exchange(GradientExchange*) override {}
};

class ReportingCore final : public LearningCore {
 public:
  ReportingAlgorithm reporting;

  Algorithm& algorithm() override { return reporting; }
  Holding holding() const override { return {}; }
  std::string Describe() const override { return ""; }
  bool CanInsert(int64_t) const override { return false; }
  absl::Status Insert(const ActorKey&, const v1::ExperienceBatch&) override { return {}; }
  bool CanUpdate() const override { return false; }
  absl::Status Update(double) override { return {}; }
  NamedTensors LastBatch() const override { return {}; }
  bool PublishDue(uint64_t) const override { return false; }
  void OnPublished(uint64_t) override {}
  std::string WhyNoUpdate() const override { return ""; }
  std::string WhyNoInsert(int64_t) const override { return ""; }
};

class RunReporterTest : public testing::Test {
 protected:
  RunReporterTest() {
    std::filesystem::remove_all(folder_);
    directory_ = *RunDirectory::Open(folder_);
    config_.run.total_env_steps = 1000;
  }

  RunReporter Make() { return RunReporter(config_, directory_.get(), &metrics_, &status_); }

  RunReporter::Moment At(uint64_t env_steps, double wall_s) {
    RunReporter::Moment moment;
    moment.counters.env_steps = env_steps;
    moment.counters.wall_s = wall_s;
    moment.run_env_steps = env_steps;
    moment.core = &core_;
    return moment;
  }

  // Returns the last row of a table of the run, by column.
  std::map<std::string, std::string> LastRow(const std::string& name) {
    std::ifstream file(folder_ + "/" + name);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
    const std::vector<std::string> columns = absl::StrSplit(lines.front(), ',');
    const std::vector<std::string> cells = absl::StrSplit(lines.back(), ',');
    std::map<std::string, std::string> row;
    for (size_t i = 0; i < columns.size(); ++i) {
      EXPECT_TRUE(row.emplace(columns[i], cells.at(i)).second) << columns[i] << " twice";
    }
    return row;
  }

  const std::string folder_ = testing::TempDir() + "/run";
  RunConfig config_;
  std::unique_ptr<RunDirectory> directory_;
  MetricsRegistry registry_{"learner"};
  LearnerMetrics metrics_{&registry_};
  StatusBoard status_{absl::Now()};
  ReportingCore core_;
};

// A killed process has reserved a thousand versions, most of which were never used.
TEST_F(RunReporterTest, ALagHasNoPolicyThatNeverWas) {
  ASSERT_TRUE(directory_->ReservePolicyVersion(5).ok());
  directory_.reset();
  directory_ = *RunDirectory::Open(folder_);
  const uint64_t first = directory_->policy_versions_used() + 1;
  ASSERT_GT(first, 1000u);
  RunReporter reporter = Make();
  v1::ExperienceBatch batch;
  batch.mutable_trajectory()->set_policy_version(5);
  reporter.Count(batch, first);
  reporter.Report(At(0, 0), {WaitReason::kNothing, ""});
  EXPECT_EQ(status_.Get().policy_lag_mean(), 1) << "the one that this process began with";
  batch.mutable_trajectory()->set_policy_version(first);
  reporter.Count(batch, first + 3);
  reporter.Report(At(0, 0), {WaitReason::kNothing, ""});
  EXPECT_EQ(status_.Get().policy_lag_mean(), 2);
}

TEST_F(RunReporterTest, WhatAnAlgorithmReportsIsAMetric) {
  EXPECT_THAT(registry_.Text(), ContainsRegex("armature_learner_temperature [Nn]a[Nn]\n"));
  core_.reporting.scalars = {{"train/critic_loss", 1.5}, {"train/actor_loss", -2},
                             {"train/entropy", 0.75},    {"train/temperature", 0.25},
                             {"train/approx_kl", 0.5},   {"train/clip_fraction", 0.1}};
  Make().Log(At(100, 1));
  EXPECT_THAT(registry_.Text(), AllOf(HasSubstr("armature_learner_loss{kind=\"critic\"} 1.5\n"),
                                      HasSubstr("armature_learner_loss{kind=\"actor\"} -2\n"),
                                      HasSubstr("armature_learner_entropy_nats 0.75\n"),
                                      HasSubstr("armature_learner_temperature 0.25\n"),
                                      HasSubstr("armature_learner_kl_divergence_nats 0.5\n"),
                                      Not(HasSubstr("clip_fraction"))));
}

// An episode with these two metrics.
void AddEpisode(float near, float effort, v1::ExperienceBatch* batch) {
  batch->mutable_trajectory()->set_policy_version(1);
  v1::Episode* episode = batch->add_episodes();
  episode->set_return_sum(near + effort);
  episode->set_length(1);
  episode->add_metric(near);
  episode->add_metric(effort);
}

TEST_F(RunReporterTest, TheEnvironmentsMetricsAreColumnsFromTheFirstRowMeansAndStatus) {
  EnvSpec env;
  env.metrics = {{"reward/near", v1::MetricSpec::AGGREGATION_SUM},
                 {"reward/effort", v1::MetricSpec::AGGREGATION_SUM}};
  RunReporter reporter = Make();
  reporter.Begin(env, absl::Now());
  reporter.Log(At(10, 1));
  std::map<std::string, std::string> row = LastRow("progress.csv");
  EXPECT_EQ(row.at("metrics/reward/near"), "") << "no episode yet";
  const size_t columns = row.size();
  reporter.Report(At(10, 1), {WaitReason::kNothing, ""});
  EXPECT_EQ(status_.Get().metric_size(), 0);

  v1::ExperienceBatch batch;
  AddEpisode(2, -1, &batch);
  AddEpisode(4, -2, &batch);
  reporter.Count(batch, 1);
  reporter.Log(At(20, 2));
  row = LastRow("progress.csv");
  EXPECT_EQ(row.size(), columns) << "the columns stay";
  EXPECT_EQ(row.at("metrics/reward/near"), "3");
  EXPECT_EQ(row.at("metrics/reward/effort"), "-1.5");
  EXPECT_EQ(row.at("rollout/ep_rew_mean"), "1.5") << "the terms add up to it";
  EXPECT_THAT(registry_.Text(),
              HasSubstr("armature_learner_episode_metric_mean{name=\"reward/effort\"} -1.5\n"));
  reporter.Report(At(20, 2), {WaitReason::kNothing, ""});
  ASSERT_EQ(status_.Get().metric_size(), 2);
  EXPECT_EQ(status_.Get().metric(1).name(), "reward/effort");
  EXPECT_EQ(status_.Get().metric(1).mean(), -1.5);

  EvaluationOutcome outcome;
  outcome.metric_means = {5, -0.5};
  reporter.LogEvaluation(outcome, At(20, 2));
  EXPECT_EQ(LastRow("evaluations.csv").at("eval/metrics/reward/effort"), "-0.5");
}

TEST_F(RunReporterTest, MeansOfMetricsAreOverTheLastHundredEpisodes) {
  EnvSpec env;
  env.metrics = {{"a", v1::MetricSpec::AGGREGATION_SUM}, {"b", v1::MetricSpec::AGGREGATION_SUM}};
  RunReporter reporter = Make();
  reporter.Begin(env, absl::Now());
  v1::ExperienceBatch batch;
  for (int i = 0; i < 300; ++i) AddEpisode(i < 200 ? 1000 : 1, 0, &batch);
  reporter.Count(batch, 1);
  reporter.Report(At(300, 1), {WaitReason::kNothing, ""});
  EXPECT_EQ(status_.Get().metric(0).mean(), 1);
}

TEST_F(RunReporterTest, StableBaselinesNamesStandBesideOurs) {
  core_.reporting.scalars = {{"train/temperature", 0.25}, {"train/entropy", 3}};
  config_.algorithm.name = "sac";
  RunReporter off_policy = Make();
  off_policy.Log(At(100, 1));
  std::map<std::string, std::string> row = LastRow("progress.csv");
  EXPECT_EQ(row["train/ent_coef"], row["train/temperature"]);
  EXPECT_EQ(row.count("train/entropy_loss"), 0);
  EvaluationOutcome outcome;
  outcome.length_mean = 12;
  off_policy.LogEvaluation(outcome, At(100, 1));
  row = LastRow("evaluations.csv");
  EXPECT_EQ(row["eval/mean_ep_length"], "12");
  EXPECT_EQ(row["eval/ep_len_mean"], "12");

  core_.reporting.scalars = {{"train/policy_loss", 0.5}, {"train/entropy", 3}};
  config_.algorithm.name = "ppo";
  Make().Log(At(200, 2));
  row = LastRow("progress.csv");
  EXPECT_EQ(row["train/policy_gradient_loss"], "0.5");
  EXPECT_EQ(row["train/entropy_loss"], "-3");
}

TEST_F(RunReporterTest, TheShareOfTheBudgetAndTheTimeLeftAreMetrics) {
  RunReporter reporter = Make();
  reporter.Report(At(0, 0), {WaitReason::kFirstActor, "nobody is here"});
  EXPECT_THAT(registry_.Text(), AllOf(HasSubstr("armature_learner_budget_ratio 0\n"),
                                      ContainsRegex("time_left_seconds [Nn]a[Nn]\n")));
  reporter.Report(At(250, 10), {WaitReason::kNothing, "training"});
  EXPECT_THAT(registry_.Text(), AllOf(HasSubstr("armature_learner_budget_ratio 0.25\n"),
                                      HasSubstr("armature_learner_time_left_seconds 30\n")));
  reporter.Report(At(1100, 44), {WaitReason::kEvaluation, "the final evaluation"});
  EXPECT_THAT(registry_.Text(), AllOf(HasSubstr("armature_learner_budget_ratio 1\n"),
                                      HasSubstr("armature_learner_time_left_seconds 0\n")));
}

TEST_F(RunReporterTest, OneReasonToWaitIsSetAndTheSentenceIsTheStatus) {
  RunReporter reporter = Make();
  for (const WaitReason reason : kWaitReasons) {
    reporter.Report(At(0, 0), {reason, absl::StrCat("because of ", WaitLabel(reason))});
    EXPECT_EQ(status_.Get().waiting(), absl::StrCat("because of ", WaitLabel(reason)));
    const std::string text = registry_.Text();
    for (const WaitReason each : kWaitReasons) {
      EXPECT_THAT(text, HasSubstr(absl::StrCat("armature_learner_waiting{reason=\"",
                                               WaitLabel(each), "\"} ", each == reason, "\n")));
    }
  }
}

TEST_F(RunReporterTest, ThePeriodOfCheckpointsIsAMetric) {
  config_.checkpoint.every_s = 90;
  Make();
  EXPECT_THAT(registry_.Text(), HasSubstr("armature_learner_checkpoint_period_seconds 90\n"));
  config_.reproducible.enabled = true;  // Then by env steps.
  Make();
  EXPECT_THAT(registry_.Text(), HasSubstr("armature_learner_checkpoint_period_seconds 0\n"));
}

}  // namespace
}  // namespace armature
