#include "common/play/episode_series.h"

#include <map>

#include "ATen/ATen.h"
#include "actor/testing/fake_env_server.h"
#include "common/env_client/describe_env.h"
#include "common/play/picture_onlooker.h"
#include "common/play/random_player.h"
#include "common/policy/policy_network.h"
#include "common/policy/policy_wire.h"
#include "common/rpc/transport.h"
#include "common/sync/steady_time.h"
#include "deploy/verbs/trained/policy_player.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kHorizon = 4;
// Records sent actions by episode number; they identify the episode.
using Actions = std::map<int64_t, std::vector<float>>;

class EpisodeSeriesTest : public testing::Test {
 protected:
  void StartServer(FakeEnvServer::Options options = {}, int64_t horizon = kHorizon) {
    options.horizon = horizon;
    server_ = std::make_unique<FakeEnvServer>(options);
    server_->Start();
    options_.client = "test";
    options_.address = server_->address();
    options_.channel = MakeChannel(server_->address(), {}).value();
    options_.spec =
        DescribeEnv(
            options_.channel, options_.address, "line", {}, [] { return false; }, &signal_)
            .value();
    options_.seed = 99;
    options_.episodes = 7;
    options_.num_envs = 3;
    options_.cancelled = [] { return false; };
  }

  Actions PlayActions(SlotPlayer* player, int64_t num_envs) {
    Actions all;
    options_.num_envs = num_envs;
    options_.on_step = [&](const DecodedStep& step, absl::Span<const float> actions) {
      const int64_t first = server_->opened().back().first_slot();
      for (size_t i = 0; i < actions.size(); ++i) {
        // What is played after a slot's first episode does not count.
        if (step.step < kHorizon) all[first + static_cast<int64_t>(i) / 2].push_back(actions[i]);
      }
    };
    std::vector<v1::Episode> episodes;
    const absl::Status status = PlaySeries(options_, player, &signal_, &episodes);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(episodes.size(), 7u);
    for (const v1::Episode& episode : episodes) EXPECT_EQ(episode.length(), kHorizon);
    EXPECT_EQ(server_->bad_actions(), 0);
    return all;
  }

  void ExpectSameHoweverManyAtOnce(SlotPlayer* player) {
    const Actions one = PlayActions(player, 1);
    ASSERT_EQ(one.size(), 7u);
    EXPECT_NE(one.at(0), one.at(1)) << "episodes draw apart";
    EXPECT_EQ(PlayActions(player, 3), one);
    EXPECT_EQ(PlayActions(player, 100), one);
  }

  std::unique_ptr<FakeEnvServer> server_;
  EpisodeSeriesOptions options_;
  WakeSignal signal_;
};

v1::PolicySpec LinePolicy(v1::PolicySpec::Head head) {
  v1::PolicySpec policy;
  policy.set_head(head);
  policy.set_activation(v1::PolicySpec::ACTIVATION_RELU);
  policy.set_observation_size(3);
  policy.set_action_size(2);
  return policy;
}

// The random numbers do not depend on the observation, which here identifies the session.
v1::PolicyUpdate ZeroWeights(const v1::PolicySpec& policy) {
  v1::PolicyUpdate update;
  update.set_version(1);
  EncodePolicy((*PolicyNetwork::Create(policy, c10::Device(c10::kCPU)))->tensors(), &update);
  return update;
}

TEST_F(EpisodeSeriesTest, EverySessionHoldsTheNextEpisodesAndEachSlotPlaysOne) {
  StartServer();
  RandomPlayer player(options_.spec.action, 1);
  std::vector<size_t> told;
  options_.on_progress = [&](absl::Span<const v1::Episode> ended) { told.push_back(ended.size()); };
  std::vector<v1::Episode> episodes;
  ASSERT_TRUE(PlaySeries(options_, &player, &signal_, &episodes).ok());
  EXPECT_EQ(episodes.size(), 7u);
  EXPECT_THAT(told, ElementsAre(3, 6, 7));
  std::vector<uint64_t> first_slots, num_envs;
  for (const v1::OpenSession& open : server_->opened()) {
    EXPECT_EQ(open.seed(), 99u);
    first_slots.push_back(open.first_slot());
    num_envs.push_back(open.num_envs());
  }
  EXPECT_THAT(first_slots, ElementsAre(0, 3, 6));
  EXPECT_THAT(num_envs, ElementsAre(3, 3, 1));
}

TEST_F(EpisodeSeriesTest, EpisodesThatDoNotEndAreCut) {
  StartServer({}, /*horizon=*/0);
  RandomPlayer player(options_.spec.action, 1);
  options_.steps_max = 6;
  std::vector<v1::Episode> episodes;
  ASSERT_TRUE(PlaySeries(options_, &player, &signal_, &episodes).ok());
  ASSERT_EQ(episodes.size(), 7u);
  for (const v1::Episode& episode : episodes) {
    EXPECT_EQ(episode.length(), 6u);
    EXPECT_TRUE(episode.cut());
  }
}

TEST_F(EpisodeSeriesTest, RandomEpisodesAreTheSameHoweverManyArePlayedAtOnce) {
  StartServer();
  RandomPlayer player(options_.spec.action, 5);
  ExpectSameHoweverManyAtOnce(&player);
  RandomPlayer other(options_.spec.action, 6);
  EXPECT_NE(PlayActions(&other, 1), PlayActions(&player, 1));
}

TEST_F(EpisodeSeriesTest, DrawnEpisodesAreTheSameHoweverManyArePlayedAtOnce) {
  StartServer();
  PolicyPlayer::Options options;
  options.env = options.trained = options_.spec;
  options.policy = LinePolicy(v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN);
  options.deterministic = false;
  auto player = PolicyPlayer::Create(options, ZeroWeights(options.policy));
  ASSERT_TRUE(player.ok()) << player.status();
  ExpectSameHoweverManyAtOnce(player->get());
}

TEST_F(EpisodeSeriesTest, ADeterministicPolicyPlaysItsMode) {
  StartServer();
  PolicyPlayer::Options options;
  options.env = options.trained = options_.spec;
  options.policy = LinePolicy(v1::PolicySpec::HEAD_TANH);
  auto player = PolicyPlayer::Create(options, ZeroWeights(options.policy));
  ASSERT_TRUE(player.ok()) << player.status();
  // Zero in the policy's units: the middle of the bounds [-2, 4] x [0, 1].
  EXPECT_THAT(PlayActions(player->get(), 2).at(6), ElementsAre(1, 0.5, 1, 0.5, 1, 0.5, 1, 0.5));
  options.deterministic = false;
  EXPECT_THAT(PolicyPlayer::Create(options, ZeroWeights(options.policy)).status().message(),
              HasSubstr("nothing to draw"));
}

// Its first action depends on element `column` of the observation alone.
v1::PolicyUpdate WeightsOf(const v1::PolicySpec& policy, int64_t column) {
  NamedTensors tensors;
  for (const auto& [name, tensor] :
       (*PolicyNetwork::Create(policy, c10::Device(c10::kCPU)))->tensors()) {
    at::Tensor weights = at::zeros_like(tensor);
    if (weights.dim() == 2) weights[0][column] = 0.5;
    tensors.emplace_back(name, weights);
  }
  v1::PolicyUpdate update;
  update.set_version(1);
  EncodePolicy(tensors, &update);
  return update;
}

TEST_F(EpisodeSeriesTest, APolicyFindsItsFieldsByNameInAnyOrder) {
  StartServer();  // Observation: position [2], clock [].
  PolicyPlayer::Options options;
  options.env = options.trained = options_.spec;
  options.policy = LinePolicy(v1::PolicySpec::HEAD_TANH);
  const Actions expected =
      PlayActions(PolicyPlayer::Create(options, WeightsOf(options.policy, 2)).value().get(), 3);
  EXPECT_NE(expected.at(0)[0], expected.at(0)[2]) << "the clock is seen";
  std::swap(options.trained.observation[0], options.trained.observation[1]);
  EXPECT_EQ(
      PlayActions(PolicyPlayer::Create(options, WeightsOf(options.policy, 0)).value().get(), 3),
      expected);
}

TEST_F(EpisodeSeriesTest, AFieldThatThePolicyWantsAndTheServerLacksIsNamed) {
  StartServer();
  PolicyPlayer::Options options;
  options.env = options.trained = options_.spec;
  options.policy = LinePolicy(v1::PolicySpec::HEAD_TANH);
  options.trained.observation[1].name = "time";
  EXPECT_EQ(PolicyPlayer::Create(options, ZeroWeights(options.policy)).status().message(),
            "the policy was trained in another environment: observation field 'time' is missing");
  options.trained = options_.spec;
  options.trained.action.high[0] = 5;
  EXPECT_THAT(PolicyPlayer::Create(options, ZeroWeights(options.policy)).status().message(),
              HasSubstr("action"));
}

TEST_F(EpisodeSeriesTest, APictureComesBeforeEveryActionAndOneOfTheLastState) {
  FakeEnvServer::Options server;
  server.render = RenderSpec{3, 2};
  StartServer(server);
  RandomPlayer player(options_.spec.action, 1);
  options_.episodes = 1;
  std::string order;
  PictureOnlooker onlooker([&](const v1::Frame& frame) {
    order += static_cast<char>('0' + frame.rgb().packed()[0]);
    return absl::OkStatus();
  });
  options_.onlooker = &onlooker;
  options_.on_step = [&](const DecodedStep&, absl::Span<const float> actions) {
    order += actions.empty() ? '.' : 'a';
  };
  std::vector<v1::Episode> episodes;
  ASSERT_TRUE(PlaySeries(options_, &player, &signal_, &episodes).ok());
  EXPECT_TRUE(server_->opened().front().renders()) << "the last state can be drawn";
  EXPECT_EQ(order, "1a2a3a4a5.");
}

TEST_F(EpisodeSeriesTest, APictureOfAnotherSizeIsRefused) {
  FakeEnvServer::Options server;
  server.render = RenderSpec{3, 2};
  server.sends_small_frames = true;
  StartServer(server);
  RandomPlayer player(options_.spec.action, 1);
  PictureOnlooker onlooker([](const v1::Frame&) { return absl::OkStatus(); });
  options_.onlooker = &onlooker;
  std::vector<v1::Episode> episodes;
  EXPECT_THAT(PlaySeries(options_, &player, &signal_, &episodes).message(),
              HasSubstr("frame of slot 0"));
}

TEST_F(EpisodeSeriesTest, WhatHadEndedBeforeItWasCancelledIsKept) {
  StartServer();
  RandomPlayer player(options_.spec.action, 1);
  bool cancelled = false;
  options_.on_progress = [&](absl::Span<const v1::Episode> ended) {
    cancelled = ended.size() == 3;
  };
  options_.cancelled = [&] { return cancelled; };
  std::vector<v1::Episode> episodes;
  EXPECT_TRUE(absl::IsCancelled(PlaySeries(options_, &player, &signal_, &episodes)));
  EXPECT_EQ(episodes.size(), 3u);
}

TEST_F(EpisodeSeriesTest, ARefusedSessionNamesTheServer) {
  FakeEnvServer::Options server;
  server.slots = 2;
  StartServer(server);
  RandomPlayer player(options_.spec.action, 1);
  std::vector<v1::Episode> episodes;
  const absl::Status status = PlaySeries(options_, &player, &signal_, &episodes);
  EXPECT_THAT(status.message(), HasSubstr(options_.address));
  EXPECT_THAT(status.message(), HasSubstr("not enough slots"));
}

TEST_F(EpisodeSeriesTest, DescribeNamesTheServerThatDoesNotHostOrAnswer) {
  StartServer();
  const auto unknown = DescribeEnv(
      options_.channel, options_.address, "ant", {}, [] { return false; }, &signal_);
  EXPECT_TRUE(absl::IsNotFound(unknown.status()));
  EXPECT_THAT(unknown.status().message(), HasSubstr(options_.address + ": no environment 'ant'"));
  server_->Stop();
  const auto nobody = DescribeEnv(
      options_.channel, options_.address, "line", {}, [] { return false; }, &signal_);
  EXPECT_THAT(nobody.status().message(), HasSubstr("env server " + options_.address));
}

// Waits in vain for something that does not come through the session.
class BlindOnlooker final : public Onlooker {
 public:
  absl::Status Begin(EnvSession*) override { return absl::OkStatus(); }
  absl::Status OnStep(const DecodedStep&) override {
    deadline_ = SteadyTime() + absl::Milliseconds(20);
    return absl::OkStatus();
  }
  absl::StatusOr<bool> HasSeen(const EnvSession::Received&) override {
    if (SteadyTime() < deadline_) return false;
    return absl::UnavailableError("saw nothing");
  }
  absl::Time NextDeadline() const override { return deadline_; }

 private:
  absl::Time deadline_;
};

TEST_F(EpisodeSeriesTest, AnOnlookersDeadlineWakesTheSession) {
  FakeEnvServer::Options quiet;
  quiet.lease_s = 3600;  // Heartbeats would wake it too.
  StartServer(quiet);
  RandomPlayer player(options_.spec.action, 1);
  BlindOnlooker onlooker;
  options_.onlooker = &onlooker;
  std::vector<v1::Episode> episodes;
  EXPECT_EQ(PlaySeries(options_, &player, &signal_, &episodes).message(), "saw nothing");
}

}  // namespace
}  // namespace armature
