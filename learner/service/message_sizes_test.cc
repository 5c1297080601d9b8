#include "learner/service/message_sizes.h"

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/policy/policy_network.h"
#include "common/policy/policy_wire.h"
#include "common/rpc/transport.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/testing/experience.h"

namespace armature {
namespace {

using testing::AllOf;
using testing::HasSubstr;

EnvSpec WithObservation(int64_t size) {
  EnvSpec spec = PointSpec();
  spec.observation.front().shape = {size};
  return spec;
}

v1::ExperienceBatch Trajectory(const EnvSpec& env, int64_t t, int64_t b) {
  const auto bytes = [](int64_t values) { return std::string(values * sizeof(float), 0); };
  v1::ExperienceBatch batch;
  v1::TrajectoryBatch* steps = batch.mutable_trajectory();
  const int64_t d = env.observation_size();
  steps->mutable_observation()->set_packed(bytes((t + 1) * b * d));
  steps->mutable_final_observation()->set_packed(bytes(t * b * d));
  steps->mutable_action()->set_packed(bytes(t * b * env.action.size()));
  steps->mutable_reward()->set_packed(bytes(t * b));
  steps->mutable_behaviour_log_prob()->set_packed(bytes(t * b));
  for (v1::Tensor* flags :
       {steps->mutable_terminated(), steps->mutable_truncated(), steps->mutable_valid()}) {
    flags->set_packed(std::string(t * b, 0));
  }
  for (int64_t i = 0; i < t * b; ++i) {
    v1::Episode* episode = batch.add_episodes();
    episode->set_return_sum(1);
    episode->set_length(1);
    episode->set_is_success(true);
  }
  return batch;
}

TEST(MessageSizes, ThePolicyOfEveryHeadIsNoLargerThanReckoned) {
  for (int head = v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN; head <= v1::PolicySpec::HEAD_TANH;
       ++head) {
    v1::PolicySpec spec;
    spec.set_head(static_cast<v1::PolicySpec::Head>(head));
    spec.add_hidden_sizes(300);
    spec.add_hidden_sizes(200);
    spec.set_activation(v1::PolicySpec::ACTIVATION_RELU);
    spec.set_observation_size(17);
    spec.set_action_size(6);
    spec.set_normalize_observation(true);
    spec.set_observation_clip(10);
    spec.set_layer_norm(true);
    const auto network = PolicyNetwork::Create(spec, c10::kCPU);
    ASSERT_TRUE(network.ok()) << network.status();
    v1::PolicyUpdate update;
    EncodePolicy((*network)->tensors(), &update);
    const int64_t bytes = static_cast<int64_t>(update.ByteSizeLong());
    EXPECT_LE(bytes, PolicyBytesMax(spec)) << head;
    EXPECT_GT(bytes * 1.05, PolicyBytesMax(spec)) << head << ": far too careful";
  }
}

TEST(MessageSizes, APolicyThatFitsNoMessageIsRefusedByItsKey) {
  RunConfig config = PointSacConfig();
  config.algorithm.network.hidden_sizes = {4096, 4096};
  const absl::Status status = CheckMessageSizes(config, WithObservation(17));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("algorithm.network.hidden_sizes=4096,4096"), HasSubstr("64 MiB"),
                    HasSubstr("lower algorithm.network.hidden_sizes")));
  config.algorithm.network.hidden_sizes = {4000, 4000};
  EXPECT_TRUE(CheckMessageSizes(config, WithObservation(17)).ok());
}

TEST(MessageSizes, LargeTransitionsComeInSmallerBatches) {
  RunConfig config = PointSacConfig();
  config.collect.transitions_per_batch = 64;
  EXPECT_EQ(TransitionsPerBatch(config, PointSpec()), 64);
  const EnvSpec images = WithObservation(3 * 256 * 256);  // 1.5 MiB a transition.
  const int64_t fit = TransitionsPerBatch(config, images);
  EXPECT_GE(fit, 40);
  EXPECT_LE(fit, 42);
  EXPECT_TRUE(CheckMessageSizes(config, images).ok());
  config.algorithm.network.hidden_sizes = {1};
  const EnvSpec huge = WithObservation(9 << 20);
  EXPECT_THAT(CheckMessageSizes(config, huge).message(),
              HasSubstr("one transition of point with its 9437184 observation values is"));
}

TEST(MessageSizes, TrajectoriesThatFitNoMessageAreRefusedWithWhatWouldFit) {
  RunConfig config = PointPpoConfig();
  config.collect.envs_per_actor = 8;
  config.algorithm.ppo.unroll_length = 128;
  EXPECT_TRUE(CheckMessageSizes(config, PointSpec()).ok());
  const EnvSpec images = WithObservation(84 * 84 * 4);
  const std::string refusal(CheckMessageSizes(config, images).message());
  EXPECT_THAT(refusal, AllOf(HasSubstr("algorithm.ppo.unroll_length=128"),
                             HasSubstr("collect.envs_per_actor=8 in collect.groups=2"),
                             HasSubstr("lower algorithm.ppo.unroll_length to ")));
  const std::string words = "lower algorithm.ppo.unroll_length to ";
  const int64_t fit = std::stoll(refusal.substr(refusal.find(words) + words.size()));
  config.algorithm.ppo.unroll_length = fit;
  EXPECT_TRUE(CheckMessageSizes(config, images).ok());
  EXPECT_LE(Trajectory(images, fit, 4).ByteSizeLong(), uint64_t{kMessageBytesMax});
  config.algorithm.ppo.unroll_length = fit + 1;
  EXPECT_FALSE(CheckMessageSizes(config, images).ok());
}

}  // namespace
}  // namespace armature
