#include "learner/service/evaluation_scheduler.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

using testing::HasSubstr;

constexpr absl::Time kStart = absl::UnixEpoch();

class FakeActor : public EventSink {
 public:
  void Send(SharedEvent event) override { slots_.Put(std::move(event)); }
  void End(const absl::Status&) override {}
  // Returns the request that was sent, once.
  std::optional<v1::EvaluationRequest> Take() {
    const SharedEvent event = slots_.Take();
    if (event == nullptr) return std::nullopt;
    return event->evaluation();
  }

 private:
  EventSlots slots_;
};

const ActorKey kActor0 = {"actor-0", 70};
const ActorKey kActor1 = {"actor-1", 71};

v1::EvaluationResult Result(uint64_t id, uint64_t version, int episodes = 2,
                            const ActorKey& actor = kActor0) {
  v1::EvaluationResult result;
  result.mutable_handshake()->set_peer_name(actor.first);
  result.mutable_handshake()->set_incarnation(actor.second);
  result.set_evaluation_id(id);
  result.set_policy_version(version);
  for (int i = 0; i < episodes; ++i) {
    v1::Episode* episode = result.add_episodes();
    episode->set_return_sum(-10 * i);
    episode->set_length(50);
    episode->set_is_success(i == 0);
  }
  return result;
}

class EvaluationSchedulerTest : public testing::Test {
 protected:
  static EvaluationScheduler::Options TwoEpisodes() {
    EvaluationScheduler::Options options;
    options.episodes = 2;
    options.num_envs = 8;
    options.seed = 5;
    options.timeout = absl::Seconds(60);
    return options;
  }

  EvaluationScheduler scheduler_{TwoEpisodes()};
  std::shared_ptr<FakeActor> a_ = std::make_shared<FakeActor>();
  std::shared_ptr<FakeActor> b_ = std::make_shared<FakeActor>();
};

TEST_F(EvaluationSchedulerTest, OneActorIsAskedAndItsEpisodesAreAveraged) {
  scheduler_.AddEvaluator(kActor0, a_);
  scheduler_.AddEvaluator(kActor1, b_);
  ASSERT_TRUE(scheduler_.Ask(/*policy_version_min=*/7, /*env_steps=*/5000));
  EXPECT_FALSE(scheduler_.Ask(8, 6000));
  scheduler_.Advance(kStart);
  const auto request = a_->Take();
  ASSERT_TRUE(request.has_value());
  EXPECT_FALSE(b_->Take().has_value());
  EXPECT_EQ(request->episodes(), 2u);
  EXPECT_EQ(request->num_envs(), 2u);  // No more than there are episodes.
  EXPECT_EQ(request->policy_version_min(), 7u);
  EXPECT_THAT(scheduler_.Waiting(), HasSubstr("actor-0"));
  ASSERT_TRUE(scheduler_.Report(Result(request->evaluation_id(), 9), kStart).ok());
  const auto outcome = scheduler_.TakeOutcome();
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->env_steps, 5000u);
  EXPECT_EQ(outcome->policy_version, 9u);
  EXPECT_DOUBLE_EQ(outcome->return_mean, -5);
  EXPECT_DOUBLE_EQ(outcome->success_rate, 0.5);
  EXPECT_DOUBLE_EQ(outcome->length_mean, 50);
  EXPECT_FALSE(scheduler_.TakeOutcome().has_value());
  EXPECT_EQ(scheduler_.Waiting(), "");
}

TEST_F(EvaluationSchedulerTest, EpisodesAreAskedForWithTheirParametersAndTheirMetricsAreAveraged) {
  EvaluationScheduler::Options options = TwoEpisodes();
  options.parameters = {{"disturbance", 0}, {"slope", 0.5}};
  EvaluationScheduler scheduler(options);
  EpisodeBounds bounds;
  bounds.metrics = {{"reward/near", v1::MetricSpec::AGGREGATION_SUM},
                    {"terminated/fell", v1::MetricSpec::AGGREGATION_LAST}};
  scheduler.SetBounds(bounds);
  scheduler.AddEvaluator(kActor0, a_);
  scheduler.Ask(1, 0);
  scheduler.Advance(kStart);
  const auto request = a_->Take();
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->parameters_size(), 2);
  EXPECT_EQ(request->parameters().at("slope"), 0.5);
  v1::EvaluationResult result = Result(request->evaluation_id(), 1);
  EXPECT_THAT(scheduler.Report(result, kStart).message(),
              HasSubstr("episodes[0].metric has 0 values, expected 2"));
  scheduler.Advance(kStart + absl::Seconds(60));
  result.set_evaluation_id(a_->Take()->evaluation_id());
  for (int i : {0, 1}) {
    result.mutable_episodes(i)->add_metric(static_cast<float>(3 + i));
    result.mutable_episodes(i)->add_metric(static_cast<float>(i));
  }
  ASSERT_TRUE(scheduler.Report(result, kStart).ok());
  EXPECT_THAT(scheduler.TakeOutcome()->metric_means, testing::ElementsAre(3.5, 0.5));
}

TEST_F(EvaluationSchedulerTest, WaitsForAnActorToConnect) {
  ASSERT_TRUE(scheduler_.Ask(1, 0));
  scheduler_.Advance(kStart);
  EXPECT_THAT(scheduler_.Waiting(), HasSubstr("an actor to connect"));
  EXPECT_EQ(scheduler_.next_deadline(), absl::InfiniteFuture());
  scheduler_.AddEvaluator(kActor0, a_);
  scheduler_.Advance(kStart);
  EXPECT_TRUE(a_->Take().has_value());
}

TEST_F(EvaluationSchedulerTest, AnActorThatLeavesIsNoWarningOneThatIsSilentIs) {
  const uint64_t first = scheduler_.AddEvaluator(kActor0, a_);
  scheduler_.AddEvaluator(kActor1, b_);
  scheduler_.Ask(1, 5000);
  scheduler_.Advance(kStart);
  testing::internal::CaptureStdout();
  scheduler_.RemoveEvaluator(first);
  scheduler_.Advance(kStart);
  spdlog::default_logger()->flush();
  EXPECT_THAT(testing::internal::GetCapturedStdout(), testing::Not(HasSubstr("[warning]")));
  testing::internal::CaptureStdout();
  scheduler_.Advance(kStart + absl::Seconds(61));
  spdlog::default_logger()->flush();
  EXPECT_THAT(testing::internal::GetCapturedStdout(),
              testing::AllOf(HasSubstr("[warning]"),
                             HasSubstr("evaluation at 5000 env steps by actor-1 failed (time 2): "
                                       "it has been silent for 1m")));
}

TEST_F(EvaluationSchedulerTest, AnActorThatGoesAwayIsReplacedAtOnce) {
  const uint64_t first = scheduler_.AddEvaluator(kActor0, a_);
  scheduler_.AddEvaluator(kActor1, b_);
  scheduler_.Ask(1, 0);
  scheduler_.Advance(kStart);
  const uint64_t old_id = a_->Take()->evaluation_id();
  scheduler_.RemoveEvaluator(first);
  scheduler_.Advance(kStart);
  const auto request = b_->Take();
  ASSERT_TRUE(request.has_value());
  EXPECT_NE(request->evaluation_id(), old_id);
  EXPECT_TRUE(scheduler_.Report(Result(request->evaluation_id(), 1, 2, kActor1), kStart).ok());
  EXPECT_EQ(scheduler_.failures(), 1u);
}

TEST_F(EvaluationSchedulerTest, ATimeoutAsksAnother) {
  scheduler_.AddEvaluator(kActor0, a_);
  scheduler_.AddEvaluator(kActor1, b_);
  scheduler_.Ask(1, 0);
  scheduler_.Advance(kStart);
  EXPECT_EQ(scheduler_.next_deadline(), kStart + absl::Seconds(60));
  scheduler_.Advance(kStart + absl::Seconds(60));
  const absl::Time again = scheduler_.next_deadline();
  EXPECT_GT(again, kStart + absl::Seconds(60));
  EXPECT_LE(again, kStart + absl::Seconds(62));
  scheduler_.Advance(again);
  EXPECT_TRUE(b_->Take().has_value());
}

TEST_F(EvaluationSchedulerTest, ErrorsBackOffUpToThirtySeconds) {
  scheduler_.AddEvaluator(kActor0, a_);
  scheduler_.Ask(1, 0);
  absl::Time now = kStart;
  absl::Duration wait = absl::ZeroDuration();
  for (int i = 0; i < 8; ++i) {
    scheduler_.Advance(now);
    v1::EvaluationResult failed = Result(0, 0, 0);
    const auto request = a_->Take();
    ASSERT_TRUE(request.has_value());
    failed.set_evaluation_id(request->evaluation_id());
    failed.set_error("no env server");
    ASSERT_TRUE(scheduler_.Report(failed, now).ok());
    const absl::Duration next_wait = scheduler_.next_deadline() - now;
    EXPECT_GE(next_wait, wait);
    wait = next_wait;
    now = scheduler_.next_deadline();
  }
  EXPECT_EQ(wait, absl::Seconds(30));
}

TEST_F(EvaluationSchedulerTest, WhatWasNotAskedForIsRefusedAndAskedAgain) {
  scheduler_.AddEvaluator(kActor0, a_);
  scheduler_.Ask(/*policy_version_min=*/4, 0);
  absl::Time now = kStart;
  v1::EvaluationResult bad[3] = {Result(0, 4, /*episodes=*/1), Result(0, /*version=*/3),
                                 Result(0, 4)};
  bad[2].mutable_episodes(1)->set_return_sum(std::numeric_limits<double>::quiet_NaN());
  const char* words[3] = {"episodes: 1", "policy_version=3", "episodes[1].return_sum"};
  for (int i = 0; i < 3; ++i) {
    scheduler_.Advance(now);
    bad[i].set_evaluation_id(a_->Take()->evaluation_id());
    const absl::Status status = scheduler_.Report(bad[i], now);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(words[i]));
    now = scheduler_.next_deadline();
  }
  EXPECT_FALSE(scheduler_.TakeOutcome().has_value());
  scheduler_.Advance(now);
  EXPECT_TRUE(a_->Take().has_value());
}

// With e.g. evaluation.timeout_s=1 and one actor.
TEST_F(EvaluationSchedulerTest, TheSilenceThatIsAllowedDoublesSoThatEveryEvaluationEnds) {
  scheduler_.AddEvaluator(kActor0, a_);
  scheduler_.Ask(1, 0);
  absl::Time now = kStart;
  absl::Duration allowed = absl::ZeroDuration();
  for (int asking = 0; asking < 12; ++asking) {
    ASSERT_TRUE(scheduler_.Advance(now));
    const absl::Duration next = scheduler_.next_deadline() - now;
    EXPECT_EQ(next, asking == 0 ? absl::Seconds(60)
                                : std::min(2 * allowed, EvaluationScheduler::kPatienceMax));
    allowed = next;
    scheduler_.Advance(now + allowed);
    now = scheduler_.next_deadline();  // The back-off's end.
  }
}

TEST_F(EvaluationSchedulerTest, AnEvaluationThatGetsOnIsWaitedFor) {
  scheduler_.AddEvaluator(kActor0, a_);
  scheduler_.AddEvaluator(kActor1, b_);
  scheduler_.Ask(1, 0);
  absl::Time now = kStart;
  scheduler_.Advance(now);
  const uint64_t id = a_->Take()->evaluation_id();
  EXPECT_EQ(scheduler_.last_got_on(), absl::InfinitePast());
  for (int beat = 0; beat < 100; ++beat) {
    now += absl::Seconds(50);
    scheduler_.GotOn(kActor0, id, now);
    EXPECT_EQ(scheduler_.next_deadline(), now + absl::Seconds(60));
    EXPECT_FALSE(scheduler_.Advance(now));
  }
  EXPECT_EQ(scheduler_.last_got_on(), now);
  // Reports from another actor or with another id do not count.
  scheduler_.GotOn(kActor1, id, now + absl::Seconds(30));
  scheduler_.GotOn(kActor0, id + 1, now + absl::Seconds(30));
  EXPECT_EQ(scheduler_.last_got_on(), now);
  EXPECT_EQ(scheduler_.next_deadline(), now + absl::Seconds(60));
  EXPECT_TRUE(scheduler_.Report(Result(id, 1), now).ok());
  EXPECT_EQ(scheduler_.failures(), 0u);
}

TEST_F(EvaluationSchedulerTest, AReportThatComesLateCounts) {
  scheduler_.AddEvaluator(kActor0, a_);
  scheduler_.AddEvaluator(kActor1, b_);
  scheduler_.Ask(1, 0);
  scheduler_.Advance(kStart);
  const uint64_t late = a_->Take()->evaluation_id();
  scheduler_.Advance(kStart + absl::Seconds(60));
  EXPECT_TRUE(scheduler_.Advance(kStart + absl::Seconds(70)));
  const uint64_t asked_next = b_->Take()->evaluation_id();
  EXPECT_TRUE(scheduler_.Report(Result(late, 1), kStart + absl::Seconds(80)).ok());
  EXPECT_TRUE(scheduler_.TakeOutcome().has_value());
  EXPECT_EQ(scheduler_.Report(Result(asked_next, 1, 2, kActor1), kStart).code(),
            absl::StatusCode::kNotFound);
}

TEST_F(EvaluationSchedulerTest, AnErrorThatComesLateTakesNothingFromWhomHasItNow) {
  scheduler_.AddEvaluator(kActor0, a_);
  scheduler_.AddEvaluator(kActor1, b_);
  scheduler_.Ask(1, 0);
  scheduler_.Advance(kStart);
  v1::EvaluationResult late = Result(a_->Take()->evaluation_id(), 1);
  late.set_error("no env server");
  scheduler_.Advance(kStart + absl::Seconds(60));
  scheduler_.Advance(kStart + absl::Seconds(70));
  EXPECT_TRUE(scheduler_.Report(late, kStart + absl::Seconds(80)).ok());
  EXPECT_EQ(scheduler_.failures(), 1u);
  const uint64_t id = b_->Take()->evaluation_id();
  EXPECT_TRUE(scheduler_.Report(Result(id, 1, 2, kActor1), kStart + absl::Seconds(90)).ok());
}

TEST_F(EvaluationSchedulerTest, AnAskingIsAnsweredByTheProcessThatGotItOnly) {
  scheduler_.AddEvaluator(kActor0, a_);
  scheduler_.AddEvaluator(kActor1, b_);
  scheduler_.Ask(1, 0);
  scheduler_.Advance(kStart);
  const uint64_t id = a_->Take()->evaluation_id();
  EXPECT_GT(id, uint64_t{1} << 32) << "nobody guesses it";
  for (const ActorKey& other : {kActor1, ActorKey("actor-0", 71)}) {
    EXPECT_EQ(scheduler_.Report(Result(id, 1, 2, other), kStart).code(),
              absl::StatusCode::kNotFound);
  }
  EXPECT_EQ(scheduler_.failures(), 0u);
  EXPECT_TRUE(scheduler_.Report(Result(id, 1), kStart).ok());
}

TEST_F(EvaluationSchedulerTest, EpisodesThatTheEnvironmentCannotHaveAreRefused) {
  scheduler_.SetBounds({/*horizon=*/50, /*reward_low=*/-1, /*reward_high=*/0});
  scheduler_.AddEvaluator(kActor0, a_);
  scheduler_.Ask(1, 0);
  scheduler_.Advance(kStart);
  v1::EvaluationResult result = Result(a_->Take()->evaluation_id(), 1);
  result.mutable_episodes(1)->set_return_sum(1000);
  const absl::Status status = scheduler_.Report(result, kStart);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("episodes[1].return_sum=1000"));
}

TEST_F(EvaluationSchedulerTest, WaitingNamesTheKey) {
  scheduler_.AddEvaluator(kActor0, a_);
  scheduler_.Ask(1, 0);
  scheduler_.Advance(kStart);
  EXPECT_THAT(scheduler_.Waiting(), HasSubstr("evaluation.timeout_s=60"));
}

TEST_F(EvaluationSchedulerTest, EachEvaluationHasItsOwnSeed) {
  scheduler_.AddEvaluator(kActor0, a_);
  uint64_t seeds[2];
  for (int i = 0; i < 2; ++i) {
    scheduler_.Ask(1, 1000 * i);
    scheduler_.Advance(kStart);
    const auto request = a_->Take();
    seeds[i] = request->seed();
    scheduler_.Report(Result(request->evaluation_id(), 1), kStart).IgnoreError();
    scheduler_.TakeOutcome();
  }
  EXPECT_NE(seeds[0], seeds[1]);
}

}  // namespace
}  // namespace armature
