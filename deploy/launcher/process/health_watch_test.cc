#include "deploy/launcher/process/health_watch.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

// Answers when the test says so.
class FakeHealth : public HealthSource {
 public:
  void Ask(const std::string& rpc_address, const std::string& metrics_address, absl::Duration,
           OnAnswer on_answer) override {
    asked_.emplace_back(rpc_address, metrics_address);
    on_ask_(static_cast<int>(asked_.size()), std::move(on_answer));
  }
  std::vector<std::pair<std::string, std::string>> asked_;
  std::function<void(int, OnAnswer)> on_ask_ = [](int, OnAnswer) {};
};

class HealthWatchTest : public testing::Test {
 protected:
  EventLoop loop_;
  FakeHealth source_;
  int frozen_ = 0;
  HealthWatch watch_{&loop_, &source_, absl::Milliseconds(30), [this] {
                       ++frozen_;
                       loop_.Stop();
                     }};
};

TEST_F(HealthWatchTest, WhoLeavesAllQuestionsOpenIsFrozenOnce) {
  watch_.Start("127.0.0.1:71", "127.0.0.1:9");
  loop_.Run();
  EXPECT_EQ(frozen_, 1);
  EXPECT_THAT(source_.asked_,
              ElementsAre(Pair("127.0.0.1:71", "127.0.0.1:9"), Pair("127.0.0.1:71", "127.0.0.1:9"),
                          Pair("127.0.0.1:71", "127.0.0.1:9")));
  loop_.After(absl::Milliseconds(100), [this] { loop_.Stop(); });
  loop_.Run();
  EXPECT_EQ(frozen_, 1);
  EXPECT_EQ(source_.asked_.size(), 3u);
}

TEST_F(HealthWatchTest, ALateAnswerToAnyQuestionIsOne) {
  HealthSource::OnAnswer first;
  source_.on_ask_ = [&](int asked, HealthSource::OnAnswer on_answer) {
    if (asked == 1) first = std::move(on_answer);
    if (asked == 3) first();
    if (asked == 4) loop_.Stop();  // Without answers it would be frozen by now.
  };
  watch_.Start("a", "");
  loop_.Run();
  EXPECT_EQ(frozen_, 0);
}

TEST_F(HealthWatchTest, AnAnswerOfAnEarlierLifeDoesNotCount) {
  HealthSource::OnAnswer first;
  source_.on_ask_ = [&](int asked, HealthSource::OnAnswer on_answer) {
    if (asked == 1) first = std::move(on_answer);
    if (asked > 1) first();
  };
  watch_.Start("a", "");
  watch_.Start("a", "");  // Started again.
  loop_.Run();
  EXPECT_EQ(frozen_, 1);
}

TEST_F(HealthWatchTest, NobodyIsAskedAfterStopNorWithoutATimeout) {
  watch_.Start("a", "");
  watch_.Stop();
  HealthWatch never(&loop_, &source_, absl::ZeroDuration(), [this] { ++frozen_; });
  never.Start("b", "");
  loop_.After(absl::Milliseconds(100), [this] { loop_.Stop(); });
  loop_.Run();
  EXPECT_EQ(frozen_, 0);
  EXPECT_THAT(source_.asked_, ElementsAre(Pair("a", "")));
}

}  // namespace
}  // namespace armature
