#include "envserver/service/session.h"

#include <sys/resource.h>

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/notification.h"
#include "common/rpc/protocol.h"
#include "common/tensor/packed.h"
#include "envserver/env/env.h"
#include "envserver/testing/test_envs.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Records what a session sends.
class RecordingSink : public SessionSink {
 public:
  void Write(const v1::RolloutResponse& response) override {
    absl::MutexLock lock(&mutex_);
    written_.push_back(response);
  }
  void End(const absl::Status& status) override {
    absl::MutexLock lock(&mutex_);
    ended_ = status;
  }
  void Abort() override {
    absl::MutexLock lock(&mutex_);
    aborted_ = true;
  }

  v1::RolloutResponse WaitForWrite(size_t index) {
    absl::MutexLock lock(&mutex_);
    const auto there = [this, index] {
      mutex_.AssertReaderHeld();
      return written_.size() > index;
    };
    mutex_.Await(absl::Condition(&there));
    return written_[index];
  }
  absl::Status WaitForEnd() {
    absl::MutexLock lock(&mutex_);
    const auto there = [this] {
      mutex_.AssertReaderHeld();
      return ended_.has_value();
    };
    mutex_.Await(absl::Condition(&there));
    return *ended_;
  }
  bool has_ended() {
    absl::MutexLock lock(&mutex_);
    return ended_.has_value();
  }
  void WaitForAbort() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&aborted_));
  }

 private:
  absl::Mutex mutex_;
  std::vector<v1::RolloutResponse> written_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> ended_ ABSL_GUARDED_BY(mutex_);
  bool aborted_ ABSL_GUARDED_BY(mutex_) = false;
};

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() {
    EXPECT_TRUE(RegisterTestEnvs(registry_, gate_).ok());
    metrics_.emplace(registry_.env_ids(), &metrics_registry_);
    table_.emplace(8, &*metrics_);
    context_ = {&registry_, &pool_, &timer_,           &*table_, &*metrics_,
                "testsim",  1,      absl::Seconds(30), 4,        1 << 20};
    session_ = std::make_shared<Session>(&context_, &sink_);
    session_->Start();
  }
  ~SessionTest() override {
    gate_->Open();
    session_->OnBroken();
    session_->OnClosed();
  }

  v1::RolloutRequest OpenRequest(const std::string& env_id, int num_envs, int num_groups = 1) {
    v1::RolloutRequest request;
    v1::OpenSession* open = request.mutable_open();
    *open->mutable_handshake() = MakeHandshake("tester", 5, "");
    open->set_env_id(env_id);
    open->set_num_envs(num_envs);
    open->set_num_groups(num_groups);
    return request;
  }

  v1::RolloutRequest Actions(int group, uint64_t step, const std::vector<float>& values) {
    v1::RolloutRequest request;
    v1::ActionBatch* actions = request.mutable_actions();
    actions->set_group(group);
    actions->set_step(step);
    SetTensor<float>({static_cast<int64_t>(values.size()) / 2, 2}, values,
                     actions->mutable_action());
    return request;
  }

  v1::RolloutRequest RenderOf(uint32_t slot) {
    v1::RolloutRequest request;
    request.mutable_render()->set_slot(slot);
    return request;
  }

  // Opens the session and passes the first batch of each group to the client.
  void Open(const std::string& env_id, int num_envs, int num_groups = 1,
            const std::map<std::string, std::string>& env_config = {}) {
    v1::RolloutRequest request = OpenRequest(env_id, num_envs, num_groups);
    request.mutable_open()->mutable_env_config()->insert(env_config.begin(), env_config.end());
    ASSERT_TRUE(session_->OnMessage(request));
    for (int i = 0; i <= num_groups; ++i) {
      sink_.WaitForWrite(i);
      session_->OnWritten(true);
    }
  }

  void SetClock(int seconds) {
    seconds_ = seconds;
    timer_.Wake();
  }

  // Returns once the timer has read the clock after the last SetClock.
  void LetTimerRun() {
    absl::Notification ran;
    timer_.Schedule(timer_.now(), [&] { ran.Notify(); });
    ran.WaitForNotification();
  }

  std::atomic<int64_t> seconds_{0};
  std::shared_ptr<HangGate> gate_ = std::make_shared<HangGate>();
  EnvRegistry registry_;
  MetricsRegistry metrics_registry_{"envserver"};
  std::optional<EnvServiceMetrics> metrics_;
  std::optional<SessionTable> table_;
  SessionContext context_;
  StepPool pool_{{2, absl::Hours(1)}};
  DeadlineTimer timer_{[this] { return absl::Seconds(seconds_.load()); }};
  RecordingSink sink_;
  std::shared_ptr<Session> session_;
};

TEST_F(SessionTest, ASilentClientLosesItsSlots) {
  Open("point_mass", 6);
  EXPECT_EQ(table_->slots_free(), 2);
  SetClock(29);
  LetTimerRun();
  EXPECT_FALSE(sink_.has_ended());
  SetClock(31);
  EXPECT_EQ(sink_.WaitForEnd().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(table_->slots_free(), 8);
  EXPECT_EQ(metrics_->leases_expired.value(), 1);
  gate_->WaitForFreed(6);
}

TEST_F(SessionTest, AStreamThatNeverOpensASessionEndsToo) {
  SetClock(31);
  EXPECT_EQ(sink_.WaitForEnd().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(SessionTest, AHeartbeatRenewsTheLease) {
  Open("point_mass", 1);
  SetClock(20);
  v1::RolloutRequest heartbeat;
  heartbeat.mutable_heartbeat();
  EXPECT_TRUE(session_->OnMessage(heartbeat));
  SetClock(49);
  LetTimerRun();
  EXPECT_FALSE(sink_.has_ended());
  SetClock(51);
  EXPECT_EQ(sink_.WaitForEnd().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(SessionTest, TheLeaseDoesNotRunWhileTheServerSimulates) {
  Open("faulty", 1, 1, {{"fault", "hang"}});
  ASSERT_TRUE(session_->OnMessage(Actions(0, 0, {0, 1})));
  gate_->WaitForWaiting(1);
  SetClock(100);
  LetTimerRun();
  EXPECT_FALSE(sink_.has_ended());
  gate_->Open();
  EXPECT_EQ(sink_.WaitForWrite(2).step().step(), 1);
  session_->OnWritten(true);
  SetClock(140);
  EXPECT_EQ(sink_.WaitForEnd().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(SessionTest, TheLeaseDoesNotRunWhileTheServerDraws) {
  Open("faulty", 1, 1, {{"fault", "hang"}, {"fatal_render", "true"}});
  ASSERT_TRUE(session_->OnMessage(RenderOf(0)));
  gate_->WaitForWaiting(1);
  SetClock(100);
  LetTimerRun();
  EXPECT_FALSE(sink_.has_ended());
  gate_->Open();
  EXPECT_EQ(sink_.WaitForWrite(2).frame().slot(), 0);
  session_->OnWritten(true);
  SetClock(140);
  EXPECT_EQ(sink_.WaitForEnd().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(SessionTest, AClientThatDoesNotReadLosesItsSlotsAndIsThenCutOff) {
  ASSERT_TRUE(session_->OnMessage(OpenRequest("point_mass", 1)));
  sink_.WaitForWrite(0);
  session_->OnWritten(true);
  sink_.WaitForWrite(1);  // Its write never completes.
  SetClock(31);
  gate_->WaitForFreed(1);
  EXPECT_EQ(table_->slots_free(), 8);
  EXPECT_FALSE(sink_.has_ended());
  SetClock(62);
  sink_.WaitForAbort();
  session_->OnWritten(false);
  EXPECT_EQ(sink_.WaitForEnd().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(SessionTest, ActionsAreRefusedUntilTheBatchHasBeenSent) {
  ASSERT_TRUE(session_->OnMessage(OpenRequest("point_mass", 1)));
  sink_.WaitForWrite(0);
  // The batch of step 0 waits behind SessionOpened, so a client cannot have seen it.
  EXPECT_FALSE(session_->OnMessage(Actions(0, 0, {0, 0})));
  session_->OnWritten(true);
  EXPECT_EQ(sink_.WaitForEnd().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(SessionTest, HalfCloseAnswersWhatRunsAndThenEndsWell) {
  Open("point_mass", 2, 2);
  ASSERT_TRUE(session_->OnMessage(Actions(1, 0, {0, 0})));
  session_->OnHalfClose();
  EXPECT_EQ(sink_.WaitForWrite(3).step().group(), 1);
  session_->OnWritten(true);
  EXPECT_TRUE(sink_.WaitForEnd().ok());
  EXPECT_EQ(table_->slots_free(), 8);
}

TEST_F(SessionTest, ABrokenStreamFreesTheSlotsAtOnceEvenDuringAStep) {
  Open("faulty", 2, 1, {{"fault", "hang"}});
  ASSERT_TRUE(session_->OnMessage(Actions(0, 0, {0, 1, 0, 0})));
  gate_->WaitForWaiting(1);
  session_->OnBroken();
  EXPECT_EQ(table_->slots_free(), 8);
  gate_->Open();
  gate_->WaitForFreed(2);
}

TEST_F(SessionTest, ABatchTooLargeForAMessageIsRefused) {
  context_.message_bytes_max = 100;
  ASSERT_TRUE(session_->OnMessage(OpenRequest("point_mass", 4)));
  const absl::Status status = sink_.WaitForEnd();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(
      std::string(status.message()),
      HasSubstr("env server testsim, env point_mass: a step batch of 4 slots may take 192"));
}

// An environment with observations of 32 MiB.
class WideEnv : public Env {
 public:
  WideEnv() {
    spec_.id = "wide";
    spec_.observation = {{"pixels", v1::DTYPE_FLOAT64, {1 << 22}, {}, {}}};
    spec_.action.choices = {2};
    spec_.control_period_s = 1;
  }
  const EnvSpec& spec() const override { return spec_; }
  void Reset(uint64_t, Observation&) override {}
  StepResult Step(absl::Span<const float>, Observation&) override { return {}; }

 private:
  EnvSpec spec_;
};

int64_t PeakBytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} << 10;
}

TEST_F(SessionTest, ABatchTooLargeForAMessageIsRefusedBeforeItIsAllocated) {
  ASSERT_TRUE(registry_
                  .Register("wide", "Large observations.",
                            [](const EnvConfig&) -> absl::StatusOr<std::unique_ptr<Env>> {
                              return std::make_unique<WideEnv>();
                            })
                  .ok());
  const int64_t before = PeakBytes();
  ASSERT_TRUE(session_->OnMessage(OpenRequest("wide", 8)));
  EXPECT_EQ(sink_.WaitForEnd().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_LT(PeakBytes() - before, 8 << 25);
}

TEST_F(SessionTest, AStateTooLargeForAMessageIsRefused) {
  context_.message_bytes_max = 100;  // A batch takes 84.
  Open("equipped", 1);
  v1::RolloutRequest request;
  request.mutable_save();
  ASSERT_TRUE(session_->OnMessage(request));
  const absl::Status status = sink_.WaitForEnd();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("the state takes 136 bytes, 100 are allowed"));
}

TEST_F(SessionTest, ParametersMayComeBeforeTheSessionIsOpenedAndAreForLaterEpisodes) {
  v1::RolloutRequest parameters;
  (*parameters.mutable_parameters()->mutable_values())["level"] = 0.5;
  ASSERT_TRUE(session_->OnMessage(OpenRequest("equipped", 1)));
  ASSERT_TRUE(session_->OnMessage(parameters));
  sink_.WaitForWrite(0);
  session_->OnWritten(true);
  EXPECT_THAT(TensorValues<double>(sink_.WaitForWrite(1).step().parameter()), ElementsAre(1));
  session_->OnWritten(true);
  v1::RolloutRequest reset;
  reset.mutable_reset();
  ASSERT_TRUE(session_->OnMessage(reset));
  EXPECT_THAT(TensorValues<double>(sink_.WaitForWrite(2).step().parameter()), ElementsAre(0.5));
}

TEST_F(SessionTest, BadParametersThatCameEarlyEndTheSession) {
  v1::RolloutRequest parameters;
  (*parameters.mutable_parameters()->mutable_values())["level"] = 2;
  ASSERT_TRUE(session_->OnMessage(OpenRequest("equipped", 1)));
  session_->OnMessage(parameters);
  EXPECT_THAT(sink_.WaitForEnd().ToString(),
              HasSubstr("SetParameters: parameter 'level' of equipped is 2, expected 0 .. 1"));
}

TEST_F(SessionTest, AFrameTooLargeForAMessageIsRefused) {
  context_.message_bytes_max = 1000;
  Open("point_mass", 1, 1, {{"render", "true"}});
  EXPECT_FALSE(session_->OnMessage(RenderOf(0)));
  const absl::Status status = sink_.WaitForEnd();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("a frame of 24 x 16 pixels takes 1152 bytes, 1000 are allowed"));
}

TEST_F(SessionTest, AServerWithTooManyHungCallsOpensNoSession) {
  context_.abandoned_max = -1;
  EXPECT_FALSE(session_->OnMessage(OpenRequest("point_mass", 1)));
  EXPECT_EQ(sink_.WaitForEnd().code(), absl::StatusCode::kUnavailable);
}

TEST_F(SessionTest, EndAllEndsSessionsAndRefusesNewOnes) {
  Open("point_mass", 1);
  table_->EndAll(absl::UnavailableError("over"));
  EXPECT_EQ(sink_.WaitForEnd().code(), absl::StatusCode::kUnavailable);
  RecordingSink other_sink;
  auto other = std::make_shared<Session>(&context_, &other_sink);
  EXPECT_FALSE(other->OnMessage(OpenRequest("point_mass", 1)));
  EXPECT_EQ(other_sink.WaitForEnd().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace armature
