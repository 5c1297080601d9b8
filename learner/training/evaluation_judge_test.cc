#include "learner/training/evaluation_judge.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "common/run_config/run_config.h"
#include "common/spec/env_spec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using testing::HasSubstr;

constexpr absl::Time kStart = absl::UnixEpoch();

class FakeActor : public EventSink {
 public:
  void Send(SharedEvent event) override { slots_.Put(std::move(event)); }
  void End(const absl::Status&) override {}
  // Returns the id of the requested evaluation, once; 0 if none.
  uint64_t Take() {
    const SharedEvent event = slots_.Take();
    if (event == nullptr) return 0;
    records_ = event->evaluation().records();
    return event->evaluation().evaluation_id();
  }
  // Whether the one taken last is to be recorded.
  bool records() const { return records_; }

 private:
  EventSlots slots_;
  bool records_ = false;
};

TEST(EpisodeLengthWarningTest, IsGivenWhereEpisodesMayNotEnd) {
  EvaluationSection settings;
  EnvSpec env;
  env.id = "swing";
  env.horizon = 50;
  EXPECT_EQ(EpisodeLengthWarning(settings, env), "");
  env.horizon = 0;
  EXPECT_THAT(EpisodeLengthWarning(settings, env),
              HasSubstr("swing has no time limit: evaluated episodes are cut after 10000 steps "
                        "(evaluation.episode_steps_max)"));
  settings.episode_steps_max = 0;
  EXPECT_THAT(EpisodeLengthWarning(settings, env),
              HasSubstr("swing has no time limit and evaluation.episode_steps_max is 0"));
  settings.every_env_steps = 0;
  EXPECT_EQ(EpisodeLengthWarning(settings, env), "");
}

class EvaluationJudgeTest : public testing::Test {
 protected:
  static EvaluationSection EveryHundred() {
    EvaluationSection settings;
    settings.every_env_steps = 100;
    settings.episodes = 1;
    settings.num_envs = 1;
    settings.timeout_s = 60;
    settings.stop_at_return_enabled = true;
    settings.stop_at_return = 10;
    settings.stop_at_success_rate = 0.5;
    return settings;
  }
  void SetUp() override { scheduler_.AddEvaluator({"a", 1}, actor_); }

  void Publish(uint64_t version) {
    auto event = std::make_shared<v1::LearnerEvent>();
    event->mutable_policy()->set_version(version);
    judge_.OnPublished(std::move(event));
  }
  void Report(uint64_t evaluation_id, uint64_t version, double return_sum, bool success = false) {
    v1::EvaluationResult result;
    result.mutable_handshake()->set_peer_name("a");
    result.mutable_handshake()->set_incarnation(1);
    result.set_evaluation_id(evaluation_id);
    result.set_policy_version(version);
    v1::Episode* episode = result.add_episodes();
    episode->set_return_sum(return_sum);
    episode->set_length(5);
    episode->set_is_success(success);
    ASSERT_TRUE(scheduler_.Report(result, kStart).ok());
  }
  // Returns the id handed out at `env_steps`; 0 if none.
  uint64_t AskedAt(uint64_t env_steps) {
    judge_.AskIfDue(env_steps);
    judge_.HandOut(kStart);
    return actor_->Take();
  }

  EvaluationScheduler scheduler_{EvaluationScheduler::Options()};
  std::shared_ptr<FakeActor> actor_ = std::make_shared<FakeActor>();
  EvaluationJudge judge_{EveryHundred(), /*video_every=*/2, &scheduler_};
};

TEST_F(EvaluationJudgeTest, AsksAtEachMultipleOfItsIntervalOnce) {
  EXPECT_EQ(AskedAt(150), 0u) << "nothing is published";
  Publish(1);
  EXPECT_EQ(AskedAt(99), 0u);
  const uint64_t first = AskedAt(150);
  EXPECT_NE(first, 0u);
  Report(first, 1, 0);
  EXPECT_TRUE(judge_.Take(false, 160).has_value());
  EXPECT_FALSE(judge_.Take(false, 160).has_value());
  EXPECT_EQ(AskedAt(199), 0u);
  EXPECT_NE(AskedAt(200), 0u);
}

TEST_F(EvaluationJudgeTest, AResumedRunWaitsForTheNextMultiple) {
  judge_.GoOnFrom(250);
  Publish(1);
  EXPECT_EQ(AskedAt(299), 0u);
  EXPECT_NE(AskedAt(300), 0u);
}

TEST_F(EvaluationJudgeTest, EverySecondEvaluationIsFilmedAndTheLastOneToo) {
  Publish(1);
  std::string filmed;
  for (const uint64_t env_steps : {100, 200, 310, 420}) {
    Report(AskedAt(env_steps), 1, 0);
    EXPECT_TRUE(actor_->records()) << "it could be the last";
    filmed += judge_.Take(false, env_steps)->is_filmed ? 'f' : '-';
  }
  EXPECT_EQ(filmed, "-f-f");
  Report(AskedAt(510), 1, /*return_sum=*/10);
  const std::optional<Judgement> last = judge_.Take(false, 510);
  EXPECT_TRUE(last->is_last);
  EXPECT_TRUE(last->is_filmed);
}

TEST_F(EvaluationJudgeTest, ThePolicyIsTheOneEvaluatedNotTheNewest) {
  Publish(3);
  const uint64_t id = AskedAt(100);
  Publish(4);
  Publish(5);
  Report(id, 4, 10);
  const std::optional<Judgement> judgement = judge_.Take(false, 120);
  ASSERT_TRUE(judgement.has_value());
  EXPECT_TRUE(judgement->solved);
  EXPECT_TRUE(judgement->is_last);
  EXPECT_EQ(judgement->policy->policy().version(), 4u);
  EXPECT_THAT(judgement->summary, HasSubstr("at 100 env steps: policy 4, return 10 over 1"));
}

TEST_F(EvaluationJudgeTest, SuccessCountsOnlyWhereItIsReported) {
  Publish(1);
  Report(AskedAt(100), 1, 0, true);
  std::optional<Judgement> judgement = judge_.Take(/*reports_success=*/false, 100);
  EXPECT_FALSE(judgement->solved);
  EXPECT_FALSE(judgement->is_last);
  Report(AskedAt(200), 1, 0, true);
  judgement = judge_.Take(/*reports_success=*/true, 200);
  EXPECT_TRUE(judgement->solved);
  EXPECT_THAT(judgement->summary, HasSubstr("success rate 1"));
}

TEST_F(EvaluationJudgeTest, ATargetReachedByAPolicyThatIsGoneIsEvaluatedAgainAtOnce) {
  Publish(1);
  const uint64_t id = AskedAt(100);
  for (uint64_t version = 2; version <= 70; ++version) Publish(version);
  Report(id, 70, 11);
  const std::optional<Judgement> judgement = judge_.Take(false, 101);
  EXPECT_EQ(judgement->policy, nullptr);
  EXPECT_FALSE(judgement->solved);
  const uint64_t again = AskedAt(101);
  ASSERT_NE(again, 0u);
  Report(again, 70, 11);
  EXPECT_TRUE(judge_.Take(false, 102)->solved);
}

TEST_F(EvaluationJudgeTest, AReportThatComesLateIsOfAPolicyThatIsStillThere) {
  Publish(1);
  const uint64_t late = AskedAt(100);
  Publish(2);
  judge_.HandOut(kStart + absl::Minutes(10));  // The actor was silent.
  judge_.HandOut(kStart + absl::Minutes(11));
  EXPECT_NE(actor_->Take(), 0u);
  Publish(3);
  Report(late, 1, 10);
  const std::optional<Judgement> judgement = judge_.Take(false, 120);
  ASSERT_NE(judgement->policy, nullptr);
  EXPECT_EQ(judgement->policy->policy().version(), 1u);
  EXPECT_TRUE(judgement->solved);
}

TEST_F(EvaluationJudgeTest, TheRunEndsWithoutAFinalEvaluationOnlyWhenNoneGetsOn) {
  Publish(1);
  judge_.AskFinal(110, kStart);
  judge_.HandOut(kStart);
  const uint64_t id = actor_->Take();
  EXPECT_EQ(judge_.final_deadline(), kStart + absl::Seconds(180));
  scheduler_.GotOn({"a", 1}, id, kStart + absl::Seconds(100));
  EXPECT_EQ(judge_.final_deadline(), kStart + absl::Seconds(280));
}

TEST_F(EvaluationJudgeTest, TheFinalEvaluationFollowsTheOneUnderWay) {
  Publish(1);
  const uint64_t id = AskedAt(100);
  Publish(2);
  judge_.AskFinal(110, kStart);
  EXPECT_EQ(judge_.final_deadline(), kStart + absl::Seconds(180));
  judge_.HandOut(kStart);
  EXPECT_EQ(actor_->Take(), 0u);
  Report(id, 1, 0);
  EXPECT_FALSE(judge_.Take(false, 110)->is_last);
  judge_.HandOut(kStart);
  Report(actor_->Take(), 2, 0);
  const std::optional<Judgement> judgement = judge_.Take(false, 110);
  EXPECT_TRUE(judgement->is_last);
  EXPECT_FALSE(judgement->solved);
  EXPECT_EQ(judgement->policy->policy().version(), 2u);
}

}  // namespace
}  // namespace armature
