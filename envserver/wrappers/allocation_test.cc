// Steps of wrapped environments allocate nothing: every call of malloc in this process is counted.
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <vector>

#include "envserver/wrappers/testing/wrapped.h"
#include "gtest/gtest.h"

namespace {
thread_local long t_allocations = 0;
}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  ++t_allocations;
  return __libc_malloc(size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  ++t_allocations;
  return __libc_memalign(alignment, size);
}
}
#endif

namespace armature {
namespace {

// In 1000 steps, after the first 100 of the episode.
long Allocations(const std::string& env_id, const EnvConfig& config) {
  Wrapped env(env_id, config);
  env.Reset();
  const std::vector<float> action(env.spec().action.size(), 0.0f);
  std::vector<float> metrics(env.spec().metrics.size());
  long before = 0;
  for (int t = 0; t < 1100; ++t) {
    if (t == 100) before = t_allocations;
    env.env().Step(action, env.observation());
    env.env().ReadMetrics(absl::MakeSpan(metrics));
  }
  return t_allocations - before;
}

TEST(AllocationTest, ASteadyStepOfAllWrappersWithoutAWorldAllocatesNothing) {
  EXPECT_EQ(
      Allocations(
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
  EXPECT_EQ(Allocations("tumbling_box", {{"wrappers", "[randomize, push]"},
                                         {"floats", "true"},
                                         {"randomize.mass_factor.box", "uniform(0.5, 1.5)"},
                                         {"push",
                                          "{body: box, interval_s: \"uniform(0.2, 0.4)\", "
                                          "kind: force, force_n: \"uniform(0, 1)\"}"}}),
            Allocations("tumbling_box", {{"floats", "true"}}));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(AllocationTest, TheCountCountsNewAndMalloc) {
  const long before = t_allocations;
  const auto number = std::make_unique<std::vector<double>>(100);
  std::free(std::malloc(10));
  EXPECT_EQ(t_allocations - before, 3);
}
#endif

}  // namespace
}  // namespace armature
