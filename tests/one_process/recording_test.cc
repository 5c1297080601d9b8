// Onlookers of a played session, on our env server: what they see is what the player played.
#include <map>
#include <string>
#include <vector>

#include "common/env_client/describe_env.h"
#include "common/play/episode_series.h"
#include "common/play/evaluation_tally.h"
#include "common/play/play_episodes.h"
#include "common/play/random_player.h"
#include "common/play/scene_onlooker.h"
#include "common/rpc/transport.h"
#include "common/scene/scene_reader.h"
#include "envserver/testing/env_service_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

// What a player saw of a slot before each of its actions, and did.
struct Played {
  std::vector<std::vector<float>> observations;
  std::vector<std::vector<float>> actions;
};
// What an onlooker saw of a slot.
using Seen = std::vector<v1::PoseFrame>;

class RecordingTest : public testing::Test {
 protected:
  void SetUp() override {
    server_ = std::make_unique<TestServer>(/*threads=*/2, absl::Hours(1));
    options_.client = "test";
    options_.address = server_->address();
    options_.channel = MakeChannel(server_->address(), {}).value();
    Describe("equipped", {});
    options_.seed = 5;
    options_.cancelled = [] { return false; };
  }

  void Describe(const std::string& env_id, const std::map<std::string, std::string>& config) {
    options_.env_config = config;
    options_.spec =
        DescribeEnv(
            options_.channel, options_.address, env_id, config, [] { return false; }, &signal_)
            .value();
  }

  SceneOnlooker Watcher(int64_t slots_max = 16) {
    SceneOnlooker::Options options;
    options.channel = options_.channel;
    options.seed = options_.seed;
    options.slots_max = slots_max;
    options.signal = &signal_;
    options.on_message = [this](int64_t slot, const v1::WatchResponse& message) {
      const absl::StatusOr<bool> is_frame = readers_[slot].Read(message);
      EXPECT_TRUE(is_frame.ok()) << is_frame.status();
      if (message.has_frame()) seen_[slot].push_back(message.frame());
      return absl::OkStatus();
    };
    return SceneOnlooker(std::move(options));
  }

  // Plays one session and returns how it ended.
  absl::Status Play(int64_t num_envs) {
    RandomPlayer player(options_.spec.action, 1);
    options_.episodes = options_.num_envs = num_envs;
    played_.clear();
    options_.on_step = [&](const DecodedStep& step, absl::Span<const float> actions) {
      if (actions.empty()) return;
      const int64_t n = step.num_slots();
      const int64_t width = static_cast<int64_t>(step.observation.size()) / n;
      const int64_t size = static_cast<int64_t>(actions.size()) / n;
      for (int64_t i = 0; i < n; ++i) {
        const auto row = step.observation.begin() + i * width;
        const auto action = actions.begin() + i * size;
        played_[i].observations.emplace_back(row, row + width);
        played_[i].actions.emplace_back(action, action + size);
      }
    };
    return PlaySeries(options_, &player, &signal_, &episodes_);
  }

  WakeSignal signal_;
  std::unique_ptr<TestServer> server_;
  EpisodeSeriesOptions options_;
  std::map<int64_t, SceneReader> readers_;
  std::map<int64_t, Seen> seen_;
  std::map<int64_t, Played> played_;
  std::vector<v1::Episode> episodes_;
};

std::vector<float> Observation(const v1::PoseFrame& frame) {
  return {frame.observation().begin(), frame.observation().end()};
}

std::vector<float> Action(const v1::PoseFrame& frame) {
  return {frame.action().begin(), frame.action().end()};
}

TEST_F(RecordingTest, EveryStateOfEachSlotsFirstEpisodeIsSeenWithWhatThePlayerSawAndDid) {
  SceneOnlooker onlooker = Watcher();
  options_.onlooker = &onlooker;
  ASSERT_EQ(Play(3), absl::OkStatus());
  ASSERT_EQ(seen_.size(), 3u);
  for (const auto& [slot, frames] : seen_) {
    SCOPED_TRACE(slot);
    ASSERT_EQ(frames.size(), episodes_[slot].length() + 1u);
    EXPECT_EQ(frames.back().return_sum(), episodes_[slot].return_sum());
    const Played& played = played_[slot];
    for (size_t t = 0; t < frames.size(); ++t) {
      const bool is_last = t + 1 == frames.size();
      EXPECT_EQ(frames[t].episode_step(), t);
      EXPECT_EQ(frames[t].terminated() || frames[t].truncated(), is_last);
      if (!is_last) {
        EXPECT_EQ(Observation(frames[t]), played.observations[t]);
      }
      EXPECT_EQ(Action(frames[t]), t == 0 ? std::vector<float>() : played.actions[t - 1]);
    }
    EXPECT_NE(Observation(frames.back()), Observation(frames[frames.size() - 2]));
  }
}

TEST_F(RecordingTest, TheEpisodesAreTheSameWithoutAnOnlooker) {
  ASSERT_EQ(Play(2), absl::OkStatus());
  const std::map<int64_t, Played> without = played_;
  SceneOnlooker onlooker = Watcher();
  options_.onlooker = &onlooker;
  ASSERT_EQ(Play(2), absl::OkStatus());
  for (const auto& [slot, played] : without) {
    const size_t steps = episodes_[slot].length();
    for (size_t t = 0; t < steps; ++t) {
      EXPECT_EQ(played_[slot].observations[t], played.observations[t]);
      EXPECT_EQ(played_[slot].actions[t], played.actions[t]);
    }
  }
}

TEST_F(RecordingTest, NoMoreSlotsAreWatchedThanAskedFor) {
  SceneOnlooker onlooker = Watcher(/*slots_max=*/1);
  options_.onlooker = &onlooker;
  ASSERT_EQ(Play(3), absl::OkStatus());
  EXPECT_EQ(seen_.size(), 1u);
}

TEST_F(RecordingTest, AnEpisodeThatIsCutIsSeenUpToThereAndNoneAfterIt) {
  SceneOnlooker::Options watching;
  watching.channel = options_.channel;
  watching.seed = options_.seed;
  watching.steps_max = 2;
  watching.signal = &signal_;
  watching.on_message = [this](int64_t slot, const v1::WatchResponse& message) {
    if (message.has_frame()) seen_[slot].push_back(message.frame());
    return absl::OkStatus();
  };
  SceneOnlooker onlooker(std::move(watching));
  v1::OpenSession open = RolloutClient::OpenMessage("equipped", /*num_envs=*/2);
  open.set_seed(options_.seed);
  open.set_expected_spec_hash(SpecHash(options_.spec));
  EnvSession session(options_.channel, options_.address, open, options_.spec, &signal_);
  EvaluationTally tally(options_.spec, /*episodes=*/6, /*num_slots=*/2, /*steps_max=*/2);
  PlayOptions play;
  RandomPlayer player(options_.spec.action, 1);
  ASSERT_TRUE(player.Begin(0, 2).ok());
  play.act = [&](const DecodedStep& step) { return player.Act(step.observation); };
  play.cancelled = [] { return false; };
  play.onlooker = &onlooker;
  ASSERT_EQ(PlayEpisodes(&session, play, &signal_, &tally), absl::OkStatus());
  ASSERT_EQ(tally.episodes().size(), 6u);
  ASSERT_EQ(seen_.size(), 2u);
  for (const auto& [slot, frames] : seen_) {
    SCOPED_TRACE(slot);
    ASSERT_EQ(frames.size(), 3u);
    for (size_t t = 0; t < frames.size(); ++t) EXPECT_EQ(frames[t].episode_step(), t);
  }
}

TEST_F(RecordingTest, WhatTheServerWillNotShowEndsTheSessionAndSaysWhy) {
  Describe("equipped", {{"has_scene", "false"}});
  SceneOnlooker onlooker = Watcher();
  options_.onlooker = &onlooker;
  EXPECT_THAT(Play(1).message(), HasSubstr("slot 0 is no longer shown"));
}

TEST_F(RecordingTest, AnOnlookersErrorEndsTheSession) {
  SceneOnlooker::Options options;
  options.channel = options_.channel;
  options.seed = options_.seed;
  options.signal = &signal_;
  options.on_message = [](int64_t, const v1::WatchResponse&) {
    return absl::UnavailableError("the disk is full");
  };
  SceneOnlooker onlooker(std::move(options));
  options_.onlooker = &onlooker;
  EXPECT_EQ(Play(1).message(), "the disk is full");
}

}  // namespace
}  // namespace armature
