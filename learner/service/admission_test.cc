#include "learner/service/admission.h"

#include <string>

#include "absl/status/status.h"
#include "common/metrics/metrics.h"
#include "common/rpc/protocol.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/intake/free_coordinator.h"
#include "learner/testing/experience.h"

namespace armature {
namespace {

using testing::HasSubstr;

v1::JoinRequest Request(const EnvSpec& spec) {
  v1::JoinRequest request;
  *request.mutable_handshake() = MakeHandshake("actor-0", 7, "");
  *request.mutable_spec() = spec.ToProto();
  request.set_spec_hash(SpecHash(spec));
  return request;
}

void ExpectRefused(const absl::StatusOr<v1::JoinResponse>& response, const std::string& words) {
  EXPECT_EQ(response.status().code(), absl::StatusCode::kFailedPrecondition) << response.status();
  EXPECT_THAT(response.status().message(), HasSubstr(words));
}

class AdmissionTest : public testing::Test {
 protected:
  MetricsRegistry registry_{"learner"};
  LearnerMetrics metrics_{&registry_};
  WakeSignal wake_;
  FreeCoordinator coordinator_;
  ExperienceIntake intake_{{}, &coordinator_, &metrics_, &wake_};
};

TEST_F(AdmissionTest, TellsWhoJoinsTheParametersOfTheNextEpisodes) {
  EnvSpec spec = PointSpec();
  spec.parameters = {{"slope", 0, 1, 0.5}};
  Admission plain(PointSacConfig(), "run-1", &intake_, &wake_);
  EXPECT_EQ(plain.Join(Request(spec))->parameters_size(), 0) << "the environment has its own";

  RunConfig config = PointSacConfig();
  config.curriculum.parameter = "slope";
  config.curriculum.start = "0.25";
  Admission admission(config, "run-1", &intake_, &wake_);
  EXPECT_EQ(admission.Join(Request(spec))->parameters().at("slope"), 0.25);
  admission.SetParameters({{"slope", 0.75}});
  EXPECT_EQ(admission.Join(Request(spec))->parameters().at("slope"), 0.75);

  Admission resumed(config, "run-1", &intake_, &wake_);
  resumed.SetParameters({{"slope", 0.75}});
  ASSERT_TRUE(resumed.SetSpec(spec).ok());
  EXPECT_EQ(resumed.Join(Request(spec))->parameters().at("slope"), 0.75);
}

TEST_F(AdmissionTest, FirstSaysWhatToOpenThenHowToAct) {
  RunConfig config = PointSacConfig();
  config.environment.config = {{"reward_type", "dense"}};
  Admission admission(config, "run-1", &intake_, &wake_);
  v1::JoinRequest first;
  *first.mutable_handshake() = MakeHandshake("actor-0", 7, "");
  const absl::StatusOr<v1::JoinResponse> what = admission.Join(first);
  ASSERT_TRUE(what.ok()) << what.status();
  EXPECT_EQ(what->env_id(), "point");
  EXPECT_EQ(what->env_config().at("reward_type"), "dense");
  EXPECT_EQ(what->num_envs(), 4u);
  EXPECT_EQ(what->handshake().run_id(), "run-1");
  EXPECT_EQ(what->collect_mode(), v1::COLLECT_MODE_UNSPECIFIED);
  EXPECT_FALSE(admission.spec().has_value());

  intake_.Restore({{{"actor-0", 7}, 12}});
  const absl::StatusOr<v1::JoinResponse> how = admission.Join(Request(PointSpec()));
  ASSERT_TRUE(how.ok()) << how.status();
  EXPECT_EQ(how->collect_mode(), v1::COLLECT_MODE_TRANSITIONS);
  EXPECT_EQ(how->policy().head(), v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN);
  EXPECT_EQ(how->exploration().random_until_version(), 1u);
  EXPECT_EQ(how->acknowledged_sequence(), 12u);
  EXPECT_EQ(how->transitions_per_batch(), 8u);
}

TEST_F(AdmissionTest, ADeterministicPolicyComesWithItsNoise) {
  RunConfig config = PointSacConfig();
  config.algorithm.name = "td3";
  config.algorithm.td3.random_env_steps = 0;
  config.algorithm.exploration.noise_std = 0.25;
  Admission admission(config, "run-1", &intake_, &wake_);
  const absl::StatusOr<v1::JoinResponse> response = admission.Join(Request(PointSpec()));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->policy().head(), v1::PolicySpec::HEAD_TANH);
  EXPECT_EQ(response->exploration().random_until_version(), 0u);
  EXPECT_EQ(response->exploration().normal_noise_std(), 0.25);
}

TEST_F(AdmissionTest, TellsWhichActionIsStoredAndRefusesAnEnvironmentThatDoesNotReportIt) {
  RunConfig config = PointSacConfig();
  Admission proposed(config, "run-1", &intake_, &wake_);
  EXPECT_EQ(proposed.Join(Request(PointSpec()))->stored_action(), v1::STORED_ACTION_PROPOSED);

  config.algorithm.learn_from = "executed";
  EnvSpec reporting = PointSpec();
  reporting.reports_executed_action = true;
  Admission executed(config, "run-1", &intake_, &wake_);
  EXPECT_EQ(executed.Join(Request(reporting))->stored_action(), v1::STORED_ACTION_EXECUTED);
  ExpectRefused(executed.Join(Request(PointSpec())), "reports_executed_action");
  Admission first(config, "run-1", &intake_, &wake_);
  ExpectRefused(first.Join(Request(PointSpec())), "point does not say which actions it executes");
}

TEST_F(AdmissionTest, OnPolicyCollectsTrajectoriesWithoutRandomSteps) {
  Admission admission(PointPpoConfig(), "run-1", &intake_, &wake_);
  const absl::StatusOr<v1::JoinResponse> response = admission.Join(Request(PointSpec()));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->collect_mode(), v1::COLLECT_MODE_TRAJECTORIES);
  EXPECT_EQ(response->unroll_length(), 4u);
  EXPECT_EQ(response->exploration().random_until_version(), 0u);
}

TEST_F(AdmissionTest, EveryMismatchIsNamed) {
  Admission admission(PointSacConfig(), "run-1", &intake_, &wake_);
  EnvSpec other_id = PointSpec();
  other_id.id = "cartpole";
  ExpectRefused(admission.Join(Request(other_id)), "environment of actor-0 is cartpole");
  v1::JoinRequest wrong_hash = Request(PointSpec());
  wrong_hash.set_spec_hash(1);
  ExpectRefused(admission.Join(wrong_hash), "spec_hash of actor-0");
  v1::JoinRequest wrong_run = Request(PointSpec());
  wrong_run.mutable_handshake()->set_run_id("run-0");
  ExpectRefused(admission.Join(wrong_run), "run-0");
  v1::JoinRequest wrong_protocol = Request(PointSpec());
  wrong_protocol.mutable_handshake()->set_protocol_version(99);
  ExpectRefused(admission.Join(wrong_protocol), "99");
  EXPECT_FALSE(admission.spec().has_value());

  ASSERT_TRUE(admission.Join(Request(PointSpec())).ok());
  EnvSpec other_horizon = PointSpec();
  other_horizon.horizon = 11;
  ExpectRefused(admission.Join(Request(other_horizon)), "horizon");
}

TEST_F(AdmissionTest, AnEnvironmentThatCannotBeLearnedIsRefusedAndNotAdopted) {
  Admission admission(PointSacConfig(), "run-1", &intake_, &wake_);
  EnvSpec discrete = PointSpec();
  discrete.action = {};
  discrete.action.choices = {2};
  ExpectRefused(admission.Join(Request(discrete)), "sac");
  EXPECT_TRUE(admission.Join(Request(PointSpec())).ok());
}

TEST_F(AdmissionTest, AStreamOpensOnlyAfterAJoinWithTheSameSpec) {
  Admission admission(PointSacConfig(), "run-1", &intake_, &wake_);
  v1::OpenExperience open;
  *open.mutable_handshake() = MakeHandshake("actor-0", 7, "run-1");
  open.set_spec_hash(SpecHash(PointSpec()));
  ASSERT_TRUE(admission.SetSpec(PointSpec()).ok());
  EXPECT_EQ(admission.CheckOpen(open).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(admission.CheckJoined(open.handshake()).code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(admission.Join(Request(PointSpec())).ok());
  EXPECT_TRUE(admission.CheckOpen(open).ok());
  EXPECT_TRUE(admission.CheckJoined(open.handshake()).ok());
  EXPECT_EQ(admission.CheckJoined(MakeHandshake("actor-0", 8, "run-1")).code(),
            absl::StatusCode::kFailedPrecondition);
  open.set_spec_hash(3);
  EXPECT_EQ(admission.CheckOpen(open).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(AdmissionTest, WhoJoinedLongAgoJoinsAgain) {
  Admission admission(PointSacConfig(), "run-1", &intake_, &wake_);
  v1::JoinRequest request = Request(PointSpec());
  for (uint64_t i = 1; i <= Admission::kJoinedMax + 1; ++i) {
    request.mutable_handshake()->set_incarnation(i);
    ASSERT_TRUE(admission.Join(request).ok());
  }
  EXPECT_FALSE(admission.CheckJoined(MakeHandshake("actor-0", 1, "run-1")).ok());
  EXPECT_TRUE(admission.CheckJoined(MakeHandshake("actor-0", 2, "run-1")).ok());
}

}  // namespace
}  // namespace armature
