#include "common/env_client/env_session.h"

#include <functional>
#include <vector>

#include "absl/time/clock.h"
#include "actor/testing/fake_env_server.h"
#include "common/rpc/protocol.h"
#include "common/rpc/transport.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

bool HasStep(const EnvSession::Received& received) { return !received.steps.empty(); }

class EnvSessionTest : public ::testing::Test {
 protected:
  std::unique_ptr<EnvSession> Open(const FakeEnvServer::Options& options) {
    server_ = std::make_unique<FakeEnvServer>(options);
    server_->Start();
    v1::OpenSession open;
    *open.mutable_handshake() = MakeHandshake("test", 1, "");
    open.set_env_id("line");
    open.set_num_envs(1);
    open.set_num_groups(1);
    open.set_expected_spec_hash(SpecHash(LineSpec(options.horizon)));
    return std::make_unique<EnvSession>(MakeChannel(server_->address(), {}).value(),
                                        server_->address(), open, LineSpec(options.horizon),
                                        &signal_);
  }

  // Polls until `enough` of what has come, or 30 s have passed.
  EnvSession::Received Await(EnvSession& session,
                             const std::function<bool(const EnvSession::Received&)>& enough) {
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    EnvSession::Received received = session.Poll(absl::Now());
    while (!enough(received) && !received.ended.has_value() && absl::Now() < deadline) {
      signal_.WaitUntil(deadline);
      received = session.Poll(absl::Now());
    }
    return received;
  }

  WakeSignal signal_;
  std::unique_ptr<FakeEnvServer> server_;
};

TEST_F(EnvSessionTest, AServerMayTakeAsLongToOpenAsTheContractAllows) {
  FakeEnvServer::Options options;
  options.holds_open = true;
  const auto session = Open(options);
  const absl::Time limit = absl::Now() + absl::Seconds(v1::ENV_LIMIT_START_S);
  EXPECT_FALSE(session->Poll(limit).ended.has_value());
  const auto ended = session->Poll(limit + absl::Minutes(1)).ended;
  ASSERT_TRUE(ended.has_value());
  EXPECT_THAT(ended->message(), HasSubstr("did not open a session within 10m15s"));
  EXPECT_THAT(ended->message(), HasSubstr(server_->address()));
}

TEST_F(EnvSessionTest, AndAsLongForAStepThatReplacesASimulator) {
  const auto session = Open({});
  ASSERT_FALSE(Await(*session, HasStep).steps.empty());
  server_->HoldSteps();
  session->Act(0, {0, 0});
  const absl::Time limit = absl::Now() + absl::Seconds(v1::ENV_LIMIT_START_S);
  EXPECT_FALSE(session->Poll(limit).ended.has_value());
  EXPECT_TRUE(session->Poll(limit + absl::Minutes(1)).ended.has_value());
}

TEST_F(EnvSessionTest, ASlotIsSavedAndRestored) {
  const auto session = Open({});
  ASSERT_FALSE(Await(*session, HasStep).steps.empty());
  session->Act(0, {0, 0});
  ASSERT_FALSE(Await(*session, HasStep).steps.empty());
  session->SaveState(0);
  const auto saved = Await(*session, [](const auto& r) { return !r.states.empty(); });
  ASSERT_FALSE(saved.states.empty());
  EXPECT_EQ(saved.states[0].state(), "0 1");
  session->RestoreState(0, "7 3");
  auto restored = Await(*session, [](const auto& r) { return !r.restored.empty(); });
  ASSERT_FALSE(restored.restored.empty());
  EXPECT_EQ(restored.restored[0].refusal, "");
  EXPECT_THAT(restored.restored[0].observation, ElementsAre(1, 7, 3));
  session->RestoreState(0, "nonsense");
  restored = Await(*session, [](const auto& r) { return !r.restored.empty(); });
  ASSERT_FALSE(restored.restored.empty());
  EXPECT_EQ(restored.restored[0].refusal, "no state of line");
  session->Act(0, {0, 0});
  const auto stepped = Await(*session, HasStep);
  ASSERT_FALSE(stepped.steps.empty());
  EXPECT_THAT(stepped.steps[0].observation, ElementsAre(1, 7, 4)) << "it goes on from there";
}

TEST_F(EnvSessionTest, ParametersAreSentInTheOrderOfTheOtherMessages) {
  const auto session = Open({});
  ASSERT_FALSE(Await(*session, HasStep).steps.empty());
  session->SetParameters({{"level", 0.5}, {"mass", 2}});
  session->SetParameters({{"level", 1}}, {0});
  session->Act(0, {0, 0});
  ASSERT_FALSE(Await(*session, HasStep).steps.empty());
  const std::vector<v1::SetParameters> parameters = server_->parameters();
  ASSERT_EQ(parameters.size(), 2u);
  EXPECT_EQ(parameters[0].values().at("level"), 0.5);
  EXPECT_EQ(parameters[0].values().at("mass"), 2);
  EXPECT_EQ(parameters[0].slot_size(), 0);
  EXPECT_THAT(parameters[1].slot(), ElementsAre(0));
}

}  // namespace
}  // namespace armature
