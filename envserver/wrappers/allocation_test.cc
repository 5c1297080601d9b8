// Steps of wrapped environments allocate nothing: every call of malloc in this process is counted.
#include <cstdlib>
#include <memory>
#include <vector>

#include "envserver/bullet/testing/allocations.h"
#include "envserver/wrappers/testing/wrapped.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

// In 1000 steps, after the first 100 of the episode.
long AllocationsOf(const std::string& env_id, const EnvConfig& config) {
  Wrapped env(env_id, config);
  env.Reset();
  const std::vector<float> action(env.spec().action.size(), 0.0f);
  std::vector<float> metrics(env.spec().metrics.size());
  long before = 0;
  for (int t = 0; t < 1100; ++t) {
    if (t == 100) before = Allocations();
    env.env().Step(action, env.observation());
    env.env().ReadMetrics(absl::MakeSpan(metrics));
  }
  return Allocations() - before;
}

TEST(AllocationTest, ASteadyStepOfAllWrappersWithoutAWorldAllocatesNothing) {
  EXPECT_EQ(
      AllocationsOf(
          "scripted",
          {{"wrappers",
            "[action_noise, rescale_action, observation_noise, frame, clip_observation, latency, "
            "history, action_repeat, time_feature, rescale_reward, clip_reward]"},
           {"horizon", "1000000"},
           {"observation_noise.amplitude", "0.1"},
           {"frame", "{quaternion: orientation, vectors: [velocity]}"},
           {"latency.observation_steps", "2"}}),
      0);
}

TEST(AllocationTest, PushesAndRandomizationAddNoAllocationToASteadyStep) {
  EXPECT_EQ(AllocationsOf("tumbling_box", {{"wrappers", "[randomize, push]"},
                                           {"floats", "true"},
                                           {"randomize.mass_factor.box", "uniform(0.5, 1.5)"},
                                           {"push",
                                            "{body: box, interval_s: \"uniform(0.2, 0.4)\", "
                                            "kind: force, force_n: \"uniform(0, 1)\"}"}}),
            AllocationsOf("tumbling_box", {{"floats", "true"}}));
}

TEST(AllocationTest, WrappersOfAnArmAddNoAllocationToASteadyStep) {
  EXPECT_EQ(AllocationsOf("exact_arm",
                          {{"wrappers",
                            "[collision_prevention, ik_position_delta, action_imitation_reward, "
                            "state_imitation_reward]"},
                           // So that every action is replaced.
                           {"collision_prevention", "{replace_type: 2, margin_m: 0.04}"},
                           {"action_imitation_reward.expert.goal", "[target]"},
                           {"state_imitation_reward.expert.goal", "[target]"},
                           {"state_imitation_reward.motion", "[tool]"}}),
            AllocationsOf("exact_arm", {}));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(AllocationTest, TheCountCountsNewAndMalloc) {
  const long before = Allocations();
  const auto number = std::make_unique<std::vector<double>>(100);
  void* volatile memory = std::malloc(10);  // Volatile: or the compiler leaves both calls out.
  std::free(memory);
  EXPECT_EQ(Allocations() - before, 3);
}
#endif

}  // namespace
}  // namespace armature
