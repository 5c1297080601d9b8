// What every registered environment must guarantee (envserver/env/env.h), tested with random
// actions.

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/random/rng.h"
#include "envserver/env/env.h"
#include "envserver/env/env_registry.h"
#include "envserver/tasks/builtin_envs.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

struct Case {
  std::string env_id;
  EnvConfig config;
};

// Every environment with its defaults, then variants whose config changes the spec.
std::vector<Case> Cases() {
  EnvRegistry registry;
  EXPECT_TRUE(RegisterBuiltinEnvs(registry).ok());
  std::vector<Case> cases;
  for (const std::string& env_id : registry.env_ids()) cases.push_back({env_id, {}});
  cases.push_back({"panda_reach", {{"control_type", "joints"}, {"reward_type", "dense"}}});
  cases.push_back({"panda_reach", {{"terminate_on_success", "false"}}});
  cases.push_back({"cartpole", {{"time_limit_s", "7"}}});
  return cases;
}

// An environment and memory for its observation.
struct Slot {
  explicit Slot(std::unique_ptr<Env> made) : env(std::move(made)) {
    std::vector<absl::Span<uint8_t>> spans;
    for (const FieldSpec& field : env->spec().observation) memory.emplace_back(field.bytes());
    for (std::vector<uint8_t>& bytes : memory) spans.push_back(absl::MakeSpan(bytes));
    observation = Observation(std::move(spans));
  }

  std::unique_ptr<Env> env;
  std::vector<std::vector<uint8_t>> memory;
  Observation observation{{}};
};

// Returns all bytes that an episode of random actions produces.
struct Episode {
  std::vector<std::vector<std::vector<uint8_t>>> observations;
  std::vector<float> rewards;
  std::vector<bool> terminated;
  bool operator==(const Episode& other) const {
    return observations == other.observations && rewards == other.rewards &&
           terminated == other.terminated;
  }
};

class EnvConformanceTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override { ASSERT_TRUE(RegisterBuiltinEnvs(registry_).ok()); }

  Slot Make() {
    auto env = registry_.Make(GetParam().env_id, GetParam().config);
    EXPECT_TRUE(env.ok()) << env.status();
    return Slot(*std::move(env));
  }

  static std::vector<float> RandomAction(const ActionSpec& spec, Rng& rng) {
    std::vector<float> action(spec.size());
    for (int64_t i = 0; i < spec.size(); ++i) {
      action[i] = static_cast<float>(spec.is_discrete() ? rng.Index(spec.choices[i])
                                                        : rng.Uniform(spec.low[i], spec.high[i]));
    }
    return action;
  }

  // Makes one step of an episode per call; returns false when the episode is over.
  static bool StepOnce(Slot& slot, Rng& rng, Episode& episode) {
    const StepResult step =
        slot.env->Step(RandomAction(slot.env->spec().action, rng), slot.observation);
    episode.observations.push_back(slot.memory);
    episode.rewards.push_back(step.reward);
    episode.terminated.push_back(step.terminated);
    return !step.terminated && !step.truncated &&
           static_cast<int64_t>(episode.rewards.size()) < slot.env->spec().horizon;
  }

  static Episode Run(Slot& slot, uint64_t seed) {
    Episode episode;
    slot.env->Reset(seed, slot.observation);
    episode.observations.push_back(slot.memory);
    Rng rng({seed, 1});
    while (StepOnce(slot, rng, episode)) {
    }
    return episode;
  }

  EnvRegistry registry_;
};

double Bound(const std::vector<double>& bounds, size_t index, double unbounded) {
  if (bounds.empty()) return unbounded;
  return bounds.size() == 1 ? bounds[0] : bounds[index];
}

void ExpectWithinBounds(const FieldSpec& field, const std::vector<uint8_t>& bytes) {
  if (field.dtype != v1::DTYPE_FLOAT32) return;
  std::vector<float> values(field.size());
  std::memcpy(values.data(), bytes.data(), bytes.size());
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_TRUE(std::isfinite(values[i])) << field.name << "[" << i << "]";
    EXPECT_GE(values[i], Bound(field.low, i, -INFINITY)) << field.name << "[" << i << "]";
    EXPECT_LE(values[i], Bound(field.high, i, INFINITY)) << field.name << "[" << i << "]";
  }
}

TEST_P(EnvConformanceTest, ObservationsAndRewardsStayWithinTheSpec) {
  Slot slot = Make();
  const EnvSpec& spec = slot.env->spec();
  ASSERT_TRUE(spec.Validate().ok()) << spec.Validate();
  EXPECT_EQ(spec.id, GetParam().env_id);
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Episode episode = Run(slot, seed);
    for (const auto& observation : episode.observations) {
      for (size_t i = 0; i < observation.size(); ++i) {
        ExpectWithinBounds(spec.observation[i], observation[i]);
      }
    }
    for (float reward : episode.rewards) {
      EXPECT_GE(reward, spec.reward_low);
      EXPECT_LE(reward, spec.reward_high);
    }
  }
}

TEST_P(EnvConformanceTest, SameSeedSameEpisodeToTheLastBitWhateverHappenedBefore) {
  Slot slot = Make();
  Slot other = Make();
  const Episode first = Run(slot, 7);
  EXPECT_EQ(Run(other, 7), first) << "a new instance differs";
  for (uint64_t seed = 100; seed < 105; ++seed) {
    EXPECT_FALSE(Run(slot, seed) == first) << "the seed changes nothing";
    EXPECT_TRUE(Run(slot, 7) == first) << "after an episode of seed " << seed;
  }
  // Reset in the middle of an episode.
  Episode cut;
  Rng rng({9});
  slot.env->Reset(9, slot.observation);
  StepOnce(slot, rng, cut);
  EXPECT_TRUE(Run(slot, 7) == first) << "after an episode cut short";
}

TEST_P(EnvConformanceTest, InstancesSteppedInTurnDoNotDisturbEachOther) {
  Slot a = Make(), b = Make();
  const Episode alone = Run(a, 3);
  Episode in_turn, disturbing;
  a.env->Reset(3, a.observation);
  in_turn.observations.push_back(a.memory);
  b.env->Reset(4, b.observation);
  Rng rng_a({3, 1}), rng_b({4, 1});
  bool b_goes_on = true;
  while (StepOnce(a, rng_a, in_turn)) {
    if (b_goes_on) b_goes_on = StepOnce(b, rng_b, disturbing);
  }
  EXPECT_TRUE(in_turn == alone);
}

TEST_P(EnvConformanceTest, InstancesRunInThreadsAtOnce) {
  Slot a = Make(), b = Make();
  const Episode alone = Run(a, 5);
  Episode first, second;
  std::thread other([&] { second = Run(b, 5); });
  first = Run(a, 5);
  other.join();
  EXPECT_TRUE(first == alone);
  EXPECT_TRUE(second == alone);
}

TEST_P(EnvConformanceTest, ComputeRewardAgreesWithStep) {
  Slot slot = Make();
  const EnvSpec& spec = slot.env->spec();
  if (!spec.goal.has_value()) {
    float reward = 0;
    uint8_t terminated = 0;
    EXPECT_EQ(
        slot.env->ComputeReward({}, absl::MakeSpan(&reward, 1), absl::MakeSpan(&terminated, 1))
            .code(),
        absl::StatusCode::kUnimplemented);
    return;
  }
  size_t achieved = spec.observation.size(), desired = spec.observation.size();
  for (size_t i = 0; i < spec.observation.size(); ++i) {
    if (spec.observation[i].name == spec.goal->achieved_field) achieved = i;
    if (spec.observation[i].name == spec.goal->desired_field) desired = i;
  }
  ASSERT_LT(achieved, spec.observation.size());
  ASSERT_LT(desired, spec.observation.size());
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Episode episode = Run(slot, seed);
    const size_t n = episode.rewards.size();
    const size_t size = spec.observation[achieved].size();
    std::vector<float> achieved_goal(n * size), desired_goal(n * size), reward(n);
    std::vector<uint8_t> terminated(n);
    for (size_t t = 0; t < n; ++t) {
      std::memcpy(&achieved_goal[t * size], episode.observations[t + 1][achieved].data(),
                  size * sizeof(float));
      std::memcpy(&desired_goal[t * size], episode.observations[t + 1][desired].data(),
                  size * sizeof(float));
    }
    ASSERT_TRUE(slot.env
                    ->ComputeReward({achieved_goal, desired_goal, {}}, absl::MakeSpan(reward),
                                    absl::MakeSpan(terminated))
                    .ok());
    EXPECT_EQ(reward, episode.rewards);
    EXPECT_EQ(std::vector<bool>(terminated.begin(), terminated.end()), episode.terminated);
  }
}

TEST_P(EnvConformanceTest, AnUnknownKeyIsRefused) {
  const auto env = registry_.Make(GetParam().env_id, {{"no_such_key", "1"}});
  EXPECT_EQ(env.status().code(), absl::StatusCode::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(AllEnvironments, EnvConformanceTest, testing::ValuesIn(Cases()),
                         [](const testing::TestParamInfo<Case>& info) {
                           std::string name = info.param.env_id;
                           for (const auto& [key, value] : info.param.config) {
                             name += "_" + value;
                           }
                           return name;
                         });

}  // namespace
}  // namespace armature
