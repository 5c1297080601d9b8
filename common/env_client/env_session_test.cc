#include "common/env_client/env_session.h"

#include "absl/time/clock.h"
#include "actor/testing/fake_env_server.h"
#include "common/rpc/protocol.h"
#include "common/rpc/transport.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

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
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  EnvSession::Received received = session->Poll(absl::Now());
  for (; received.steps.empty() && absl::Now() < deadline; received = session->Poll(absl::Now())) {
    signal_.WaitUntil(deadline);
  }
  ASSERT_FALSE(received.steps.empty());
  server_->HoldSteps();
  session->Act(0, {0, 0});
  const absl::Time limit = absl::Now() + absl::Seconds(v1::ENV_LIMIT_START_S);
  EXPECT_FALSE(session->Poll(limit).ended.has_value());
  EXPECT_TRUE(session->Poll(limit + absl::Minutes(1)).ended.has_value());
}

}  // namespace
}  // namespace armature
