// What an environment can beyond observations and rewards, through all three services: metrics,
// goal extras and parameters. Environment "equipped" (envserver/testing) has all of them.
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "actor/actor.h"
#include "actor/status/actor_metrics.h"
#include "common/files/atomic_file.h"
#include "common/files/testing/test_path.h"
#include "common/metrics/metrics.h"
#include "common/run_config/run_config.h"
#include "common/scene/episode_file.h"
#include "envserver/testing/env_service_fixture.h"
#include "gtest/gtest.h"
#include "learner/checkpoint/checkpoint_folder.h"
#include "learner/replay/replay_store.h"
#include "learner/run/run_videos.h"
#include "learner/service/remote_goal_reward.h"
#include "learner/testing/experience.h"
#include "learner/testing/running_learner.h"
#include "learner/training/run_checkpoint.h"

namespace armature {
namespace {

RunConfig EquippedConfig() {
  RunConfig config = PointSacConfig();
  config.environment.id = "equipped";
  config.run.total_env_steps = 1000;
  config.replay.hindsight.enabled = true;
  return config;
}

// Trains to the end of the budget.
void Train(const RunConfig& config, const std::string& path, const TestServer& env_server) {
  RunningLearner learner(config, path);
  MetricsRegistry registry("actor");
  ActorMetrics metrics(&registry);
  ActorOptions options;
  options.learner = learner.address();
  options.env_servers = env_server.address();
  options.name = "actor-0";
  Actor actor(options, &metrics);
  std::thread thread([&actor] {
    const absl::Status status = actor.Run([](const std::string&) {});
    EXPECT_TRUE(status.ok()) << status;
  });
  const absl::StatusOr<bool> over = learner.Join();
  EXPECT_TRUE(over.ok() && *over) << over.status();
  actor.Stop();
  thread.join();
}

RunCheckpoint LastCheckpoint(const std::string& path) {
  CheckpointFolder folder(path + "/checkpoints", /*keep=*/2);
  auto file = folder.LoadNewest();
  EXPECT_TRUE(file.ok()) << file.status();
  auto checkpoint = RunCheckpoint::FromFile(*std::move(file));
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
  return *std::move(checkpoint);
}

// The last row of progress.csv, by column.
std::map<std::string, double> LastRow(const std::string& path) {
  const std::vector<std::string> lines =
      absl::StrSplit(ReadWholeFile(path + "/progress.csv").value(), '\n', absl::SkipEmpty());
  const std::vector<std::string> columns = absl::StrSplit(lines.front(), ',');
  const std::vector<std::string> cells = absl::StrSplit(lines.back(), ',');
  std::map<std::string, double> row;
  for (size_t i = 0; i < columns.size(); ++i) {
    double value = 0;
    if (absl::SimpleAtod(cells.at(i), &value)) row[columns[i]] = value;
  }
  return row;
}

TEST(Abilities, RelabelledRewardsUseTheExtrasOfTheirOwnSteps) {
  TestServer env_server(2, absl::Hours(1));
  const std::string path = NewTestPath();
  const RunConfig config = EquippedConfig();
  Train(config, path, env_server);
  const RunCheckpoint checkpoint = LastCheckpoint(path);

  RemoteGoalReward reward{RemoteGoalReward::Options()};
  ASSERT_TRUE(reward.AddServers({env_server.address()}).ok());
  reward.SetEnv(checkpoint.env);
  ReplayStore::Options options;
  options.observation = ObservationFields(checkpoint.env);
  options.action_size = 2;
  options.budget_bytes = 1 << 26;
  options.rows_max = config.replay.rows_max;
  options.hindsight = *ReplayStore::HindsightOf(checkpoint.env);
  options.hindsight->reward = &reward;
  const auto store = ReplayStore::Create(options);
  ASSERT_TRUE(store.ok()) << store.status();
  const absl::Status loaded =
      (*store)->LoadState({checkpoint.state.begin(), checkpoint.state.end()});
  ASSERT_TRUE(loaded.ok()) << loaded;
  const auto sample = (*store)->Sample(512, 0);
  ASSERT_TRUE(sample.ok()) << sample.status();
  EXPECT_GT((*sample)->relabelled, 300);
  const TransitionSample& steps = (*sample)->transitions;
  // Columns: observation 2, achieved goal 2, desired goal 2. The reward is
  // -distance - 0.1 * action^2, and only `effort`, an extra, knows the action.
  const at::Tensor achieved = steps.next_observation.narrow(1, 2, 2);
  const at::Tensor desired = steps.next_observation.narrow(1, 4, 2);
  const at::Tensor effort = 0.1 * steps.action.square().sum(1);
  const at::Tensor expected = -(achieved - desired).square().sum(1).sqrt() - effort;
  EXPECT_TRUE(at::allclose(steps.reward, expected, 0, 1e-4))
      << (steps.reward - expected).abs().max().item<float>();
  EXPECT_GT((effort.max() - effort.min()).item<float>(), 0.01) << "steps differ in effort";
}

TEST(Abilities, RewardTermsAddUpToTheReturn) {
  TestServer env_server(2, absl::Hours(1));
  const std::string path = NewTestPath();
  RunConfig config = EquippedConfig();
  config.replay.hindsight.enabled = false;
  Train(config, path, env_server);
  const std::map<std::string, double> row = LastRow(path);
  EXPECT_NEAR(row.at("metrics/reward/distance") + row.at("metrics/reward/effort"),
              row.at("rollout/ep_rew_mean"), 1e-4);
  EXPECT_LT(row.at("metrics/reward/effort"), 0);
  EXPECT_GT(row.at("metrics/speed"), 0);
  EXPECT_EQ(row.count("metrics/distance"), 1u);
}

TEST(Abilities, ACurriculumReachesTheSimulatorsAndRisesWithTheirEpisodes) {
  TestServer env_server(2, absl::Hours(1));
  const std::string path = NewTestPath();
  RunConfig config = EquippedConfig();
  config.replay.hindsight.enabled = false;
  config.run.total_env_steps = 3000;
  config.curriculum.parameter = "level";
  config.curriculum.metric = "return";
  config.curriculum.raise_at = -1e6;  // Every episode will do.
  config.curriculum.episodes = 2;
  config.curriculum.step = 0.25;
  Train(config, path, env_server);
  EXPECT_EQ(LastRow(path).at("curriculum/level"), 1);
}

TEST(Abilities, ARunWithVideosRecordsTheFirstEpisodeOfItsEvaluations) {
  RunConfig config = EquippedConfig();
  config.run.video_every = 2;
  config.evaluation.every_env_steps = 300;
  config.evaluation.episodes = 3;
  config.evaluation.num_envs = 3;
  const TestServer server(/*threads=*/2, absl::Hours(1));
  const std::string path = NewTestPath();
  Train(config, path, server);
  const std::vector<uint64_t> steps = RecordingSteps(path);
  ASSERT_FALSE(steps.empty());
  for (const uint64_t step : steps) {
    auto reader = EpisodeReader::Open(RecordingPath(path, step));
    ASSERT_TRUE(reader.ok()) << reader.status();
    v1::WatchResponse message;
    std::vector<v1::PoseFrame> frames;
    while ((*reader)->Next(&message).value()) {
      if (message.has_frame()) frames.push_back(message.frame());
    }
    EXPECT_TRUE((*reader)->is_complete());
    ASSERT_GE(frames.size(), 2u);
    for (size_t t = 0; t < frames.size(); ++t) {
      EXPECT_EQ(frames[t].episode_step(), t);
      EXPECT_EQ(frames[t].observation_size(), 6);
    }
    EXPECT_TRUE(frames.back().terminated() || frames.back().truncated());
  }
}

}  // namespace
}  // namespace armature
