#include "envserver/conformance/conformance.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/random/rng.h"
#include "common/spec/env_spec.h"
#include "envserver/env/env.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

// An environment and memory for its observation.
struct Slot {
  Slot(std::unique_ptr<Env> made, int64_t episode_steps)
      : env(std::move(made)), episode_steps_max(episode_steps) {
    std::vector<absl::Span<uint8_t>> spans;
    for (const FieldSpec& field : env->spec().observation) memory.emplace_back(field.bytes());
    for (std::vector<uint8_t>& bytes : memory) spans.push_back(absl::MakeSpan(bytes));
    observation = Observation(std::move(spans));
  }

  std::unique_ptr<Env> env;
  int64_t episode_steps_max;
  std::vector<std::vector<uint8_t>> memory;
  Observation observation{{}};
};

// All that the steps of an episode give.
struct Episode {
  std::vector<std::vector<std::vector<uint8_t>>> observations;
  std::vector<float> rewards;
  std::vector<bool> terminated;
  std::vector<bool> truncated;
  std::vector<std::vector<float>> metrics;
  std::vector<std::vector<float>> extras;
  std::vector<std::vector<float>> executed;  // Empty if none is reported.
  bool operator==(const Episode& other) const {
    return observations == other.observations && rewards == other.rewards &&
           terminated == other.terminated && truncated == other.truncated &&
           metrics == other.metrics && extras == other.extras && executed == other.executed;
  }
};

class Promise : public testing::Test {
 public:
  Promise(std::function<absl::Status(EnvRegistry&)> register_envs, ConformanceCase what,
          const ConformanceOptions& options)
      : register_envs_(std::move(register_envs)), case_(std::move(what)), options_(options) {}

 protected:
  void SetUp() override { ASSERT_TRUE(register_envs_(registry_).ok()); }

  Slot Make() {
    auto env = registry_.Make(case_.env_id, case_.config);
    if (!env.ok()) throw std::runtime_error(env.status().ToString());  // Fails the test.
    return Slot(*std::move(env), options_.episode_steps_max);
  }

  static std::vector<float> RandomAction(const ActionSpec& spec, Rng& rng) {
    std::vector<float> action(spec.size());
    for (int64_t i = 0; i < spec.size(); ++i) {
      action[i] = static_cast<float>(spec.is_discrete() ? rng.Index(spec.choices[i])
                                                        : rng.Uniform(spec.low[i], spec.high[i]));
    }
    return action;
  }

  // Makes one step of an episode; returns false when the episode is over.
  static bool StepOnce(Slot& slot, Rng& rng, Episode& episode) {
    const EnvSpec& spec = slot.env->spec();
    const StepResult step = slot.env->Step(RandomAction(spec.action, rng), slot.observation);
    episode.observations.push_back(slot.memory);
    episode.rewards.push_back(step.reward);
    episode.terminated.push_back(step.terminated);
    episode.truncated.push_back(step.truncated);
    episode.metrics.emplace_back(spec.metrics.size());
    slot.env->ReadMetrics(absl::MakeSpan(episode.metrics.back()));
    episode.extras.emplace_back(spec.goal.has_value() ? spec.goal->extra_size() : 0);
    slot.env->ReadGoalExtra(absl::MakeSpan(episode.extras.back()));
    if (spec.reports_executed_action) {
      episode.executed.emplace_back(spec.action.size(), NAN);
      slot.env->ReadExecutedAction(absl::MakeSpan(episode.executed.back()));
    }
    const auto length = static_cast<int64_t>(episode.rewards.size());
    return !step.terminated && !step.truncated && (spec.horizon == 0 || length < spec.horizon) &&
           length < slot.episode_steps_max;
  }

  static void Begin(Slot& slot, uint64_t seed, Episode& episode) {
    slot.env->Reset(seed, slot.observation);
    episode.observations.push_back(slot.memory);
  }

  static Episode Run(Slot& slot, uint64_t seed) {
    Episode episode;
    Begin(slot, seed, episode);
    Rng rng({seed, 1});
    while (StepOnce(slot, rng, episode)) {
    }
    return episode;
  }

  std::function<absl::Status(EnvRegistry&)> register_envs_;
  ConformanceCase case_;
  ConformanceOptions options_;
  EnvRegistry registry_;
};

double Bound(const std::vector<double>& bounds, size_t index, double unbounded) {
  if (bounds.empty()) return unbounded;
  return bounds.size() == 1 ? bounds[0] : bounds[index];
}

template <typename T>
void ExpectValuesWithin(const FieldSpec& field, const std::vector<uint8_t>& bytes) {
  std::vector<T> values(field.size());
  std::memcpy(values.data(), bytes.data(), bytes.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const auto value = static_cast<double>(values[i]);
    EXPECT_TRUE(std::isfinite(value)) << field.name << "[" << i << "]";
    EXPECT_GE(value, Bound(field.low, i, -INFINITY)) << field.name << "[" << i << "]";
    EXPECT_LE(value, Bound(field.high, i, INFINITY)) << field.name << "[" << i << "]";
  }
}

void ExpectWithinBounds(const FieldSpec& field, const std::vector<uint8_t>& bytes) {
  switch (field.dtype) {
    case v1::DTYPE_FLOAT32:
      return ExpectValuesWithin<float>(field, bytes);
    case v1::DTYPE_FLOAT64:
      return ExpectValuesWithin<double>(field, bytes);
    case v1::DTYPE_INT32:
      return ExpectValuesWithin<int32_t>(field, bytes);
    case v1::DTYPE_INT64:
      return ExpectValuesWithin<int64_t>(field, bytes);
    default:
      return ExpectValuesWithin<uint8_t>(field, bytes);
  }
}

class StaysWithinItsSpec : public Promise {
 public:
  using Promise::Promise;
  void TestBody() override {
    Slot slot = Make();
    const EnvSpec& spec = slot.env->spec();
    ASSERT_TRUE(spec.Validate().ok()) << spec.Validate();
    EXPECT_EQ(spec.id, case_.env_id);
    int64_t steps = 0;
    for (uint64_t seed = 0; steps < options_.steps && !HasFailure(); ++seed) {
      const Episode episode = Run(slot, seed);
      steps += static_cast<int64_t>(episode.rewards.size());
      for (const auto& observation : episode.observations) {
        for (size_t i = 0; i < observation.size(); ++i) {
          ExpectWithinBounds(spec.observation[i], observation[i]);
        }
      }
      for (size_t t = 0; t < episode.rewards.size(); ++t) {
        EXPECT_TRUE(std::isfinite(episode.rewards[t]));
        EXPECT_GE(episode.rewards[t], spec.reward_low);
        EXPECT_LE(episode.rewards[t], spec.reward_high);
        EXPECT_FALSE(episode.terminated[t] && episode.truncated[t]) << "step " << t;
        for (size_t i = 0; i < spec.metrics.size(); ++i) {
          EXPECT_TRUE(std::isfinite(episode.metrics[t][i])) << spec.metrics[i].name;
        }
        for (float extra : episode.extras[t]) EXPECT_TRUE(std::isfinite(extra));
      }
      for (const std::vector<float>& action : episode.executed) {
        EXPECT_EQ(FindOutOfBounds(spec.action, action), -1) << "executed action";
      }
    }
  }
};

class RepeatsAnEpisodeToTheBit : public Promise {
 public:
  using Promise::Promise;
  void TestBody() override {
    Slot slot = Make();
    Slot other = Make();
    const Episode first = Run(slot, 7);
    EXPECT_TRUE(Run(other, 7) == first) << "a new instance differs";
    for (uint64_t seed = 100; seed < 105; ++seed) {
      EXPECT_FALSE(Run(slot, seed) == first) << "the seed changes nothing";
      EXPECT_TRUE(Run(slot, 7) == first) << "after an episode of seed " << seed;
    }
    // Reset in the middle of an episode.
    Episode cut;
    Rng rng({9});
    Begin(slot, 9, cut);
    StepOnce(slot, rng, cut);
    EXPECT_TRUE(Run(slot, 7) == first) << "after an episode cut short";
  }
};

class IsAloneInItsInstance : public Promise {
 public:
  using Promise::Promise;
  void TestBody() override {
    Slot a = Make(), b = Make();
    const Episode alone = Run(a, 3);
    Episode in_turn, disturbing;
    Begin(a, 3, in_turn);
    b.env->Reset(4, b.observation);
    Rng rng_a({3, 1}), rng_b({4, 1});
    bool b_goes_on = true;
    while (StepOnce(a, rng_a, in_turn)) {
      if (b_goes_on) b_goes_on = StepOnce(b, rng_b, disturbing);
    }
    EXPECT_TRUE(in_turn == alone) << "another instance, stepped in turn, changes it";
    Episode first, second;
    std::thread thread([&] { second = Run(b, 3); });
    first = Run(a, 3);
    thread.join();
    EXPECT_TRUE(first == alone) << "another thread's instance changes it";
    EXPECT_TRUE(second == alone);
  }
};

// Batches alternate between two buffers, so what is not written shows the values of two steps ago.
class WritesEveryElement : public Promise {
 public:
  using Promise::Promise;
  void TestBody() override {
    Slot slot = Make();
    Fill(slot, 0x11);
    slot.env->Reset(1, slot.observation);
    ExpectWritten(slot, "Reset");
    Rng rng({1});
    for (int t = 0; t < 5 && !HasFailure(); ++t) {
      Fill(slot, 0x11);
      const StepResult step =
          slot.env->Step(RandomAction(slot.env->spec().action, rng), slot.observation);
      ExpectWritten(slot, "Step");
      if (step.terminated || step.truncated) break;
    }
  }

 private:
  static void Fill(Slot& slot, uint8_t byte) {
    for (std::vector<uint8_t>& bytes : slot.memory) std::fill(bytes.begin(), bytes.end(), byte);
  }
  // An element may by chance have the pattern's value, but not a float or a wide integer, and not
  // all the bytes of a field.
  static void ExpectWritten(const Slot& slot, const char* call) {
    for (size_t i = 0; i < slot.memory.size(); ++i) {
      const FieldSpec& field = slot.env->spec().observation[i];
      const std::vector<uint8_t>& bytes = slot.memory[i];
      const int64_t unit = field.dtype == v1::DTYPE_UINT8 ? field.bytes() : DTypeSize(field.dtype);
      for (int64_t at = 0; at < field.bytes(); at += unit) {
        bool untouched = true;
        for (int64_t k = 0; k < unit; ++k) untouched = untouched && bytes[at + k] == 0x11;
        EXPECT_FALSE(untouched) << call << " left the field '" << field.name << "' unwritten at ["
                                << at / unit << "]";
      }
    }
  }
};

class ComputesRewardsAsStepDoes : public Promise {
 public:
  using Promise::Promise;
  void TestBody() override {
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
    size_t achieved = 0, desired = 0;
    for (size_t i = 0; i < spec.observation.size(); ++i) {
      if (spec.observation[i].name == spec.goal->achieved_field) achieved = i;
      if (spec.observation[i].name == spec.goal->desired_field) desired = i;
    }
    for (uint64_t seed = 0; seed < 10; ++seed) ExpectAgrees(slot, seed, achieved, desired);
  }

 private:
  static void ExpectAgrees(Slot& slot, uint64_t seed, size_t achieved, size_t desired) {
    const Episode episode = Run(slot, seed);
    const size_t n = episode.rewards.size();
    std::vector<float> achieved_goal, desired_goal, extra, reward(n);
    std::vector<uint8_t> terminated(n);
    const auto append = [](const std::vector<uint8_t>& bytes, std::vector<float>* out) {
      const size_t begin = out->size();
      out->resize(begin + bytes.size() / sizeof(float));
      std::memcpy(out->data() + begin, bytes.data(), bytes.size());
    };
    for (size_t t = 0; t < n; ++t) {
      append(episode.observations[t + 1][achieved], &achieved_goal);
      append(episode.observations[t + 1][desired], &desired_goal);
      extra.insert(extra.end(), episode.extras[t].begin(), episode.extras[t].end());
    }
    const absl::Status status = slot.env->ComputeReward(
        {achieved_goal, desired_goal, extra}, absl::MakeSpan(reward), absl::MakeSpan(terminated));
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(reward, episode.rewards);
    EXPECT_EQ(std::vector<bool>(terminated.begin(), terminated.end()), episode.terminated);
  }
};

class TakesItsParametersLimits : public Promise {
 public:
  using Promise::Promise;
  void TestBody() override {
    Slot slot = Make();
    const std::vector<ParameterSpec> parameters = slot.env->spec().parameters;
    std::vector<double> low, high, initial;
    for (const ParameterSpec& parameter : parameters) {
      low.push_back(parameter.low);
      high.push_back(parameter.high);
      initial.push_back(parameter.initial);
    }
    const Episode first = Run(slot, 7);
    for (const std::vector<double>& values : {low, high}) {
      slot.env->SetParameters(values);
      const Episode episode = Run(slot, 7);
      for (float reward : episode.rewards) EXPECT_TRUE(std::isfinite(reward));
      slot.env->SetParameters(initial);
      EXPECT_TRUE(Run(slot, 7) == first) << "initial values, set again, differ from none set";
    }
  }
};

class GoesOnFromASavedState : public Promise {
 public:
  using Promise::Promise;
  void TestBody() override {
    Slot slot = Make();
    if (!slot.env->spec().saves_state) {
      std::string state;
      EXPECT_EQ(slot.env->SaveState(&state).code(), absl::StatusCode::kUnimplemented);
      return;
    }
    for (uint64_t seed = 0; seed < 5 && !HasFailure(); ++seed) ExpectGoesOn(slot, seed);
  }

 private:
  void ExpectGoesOn(Slot& slot, uint64_t seed) {
    Episode before;
    Begin(slot, seed, before);
    Rng rng({seed, 2});
    // Saves in the middle of the episode, or at its beginning if it is short.
    for (int64_t t = Rng({seed, 3}).Index(20); t > 0; --t) {
      if (StepOnce(slot, rng, before)) continue;
      Begin(slot, seed, before);
      break;
    }
    std::string state;
    ASSERT_TRUE(slot.env->SaveState(&state).ok());
    std::string again;
    ASSERT_TRUE(slot.env->SaveState(&again).ok());
    EXPECT_EQ(state, again) << "saving changes what is saved";
    const auto go_on = [seed](Slot& from) {
      Episode rest;
      Rng actions({seed, 4});
      for (int t = 0; t < 100 && StepOnce(from, actions, rest); ++t) {
      }
      return rest;
    };
    const Episode expected = go_on(slot);
    Run(slot, seed + 1000);
    ASSERT_TRUE(slot.env->RestoreState(state).ok());
    EXPECT_TRUE(go_on(slot) == expected) << "restored in the same instance";
    Slot other = Make();
    Run(other, seed + 2000);
    ASSERT_TRUE(other.env->RestoreState(state).ok());
    EXPECT_TRUE(go_on(other) == expected) << "restored in another instance";
    // What is not such a state changes nothing.
    ASSERT_TRUE(slot.env->RestoreState(state).ok());
    EXPECT_FALSE(slot.env->RestoreState(state.substr(0, state.size() / 2)).ok());
    EXPECT_FALSE(slot.env->RestoreState("").ok());
    EXPECT_FALSE(slot.env->RestoreState(state + "x").ok());
    EXPECT_TRUE(go_on(slot) == expected) << "after a state that was refused";
  }
};

class RefusesAnUnknownKey : public Promise {
 public:
  using Promise::Promise;
  void TestBody() override {
    EnvConfig config = case_.config;
    config["no_such_key"] = "1";
    EXPECT_EQ(registry_.Make(case_.env_id, config).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
};

std::string TestName(const ConformanceCase& what) {
  std::string name = what.env_id;
  for (const auto& [key, value] : what.config) absl::StrAppend(&name, "_", key, "_", value);
  for (char& c : name) {
    if (!absl::ascii_isalnum(c)) c = '_';
  }
  return name;
}

template <typename PromiseType>
void Add(const std::string& promise, const std::function<absl::Status(EnvRegistry&)>& register_envs,
         const ConformanceCase& what, const ConformanceOptions& options) {
  testing::RegisterTest(absl::StrCat("Conformance_", promise).c_str(), TestName(what).c_str(),
                        nullptr, nullptr, __FILE__, __LINE__,
                        [register_envs, what, options]() -> Promise* {
                          return new PromiseType(register_envs, what, options);
                        });
}

}  // namespace

void RegisterConformanceTests(const std::function<absl::Status(EnvRegistry&)>& register_envs,
                              const std::vector<ConformanceCase>& more,
                              const ConformanceOptions& options) {
  EnvRegistry registry;
  const absl::Status status = register_envs(registry);
  if (!status.ok()) throw std::runtime_error(status.ToString());
  std::vector<ConformanceCase> cases;
  if (options.with_defaults) {
    for (const std::string& env_id : registry.env_ids()) cases.push_back({env_id, {}});
  }
  cases.insert(cases.end(), more.begin(), more.end());
  for (const ConformanceCase& what : cases) {
    Add<StaysWithinItsSpec>("StaysWithinItsSpec", register_envs, what, options);
    Add<RepeatsAnEpisodeToTheBit>("RepeatsAnEpisodeToTheBit", register_envs, what, options);
    Add<IsAloneInItsInstance>("IsAloneInItsInstance", register_envs, what, options);
    Add<WritesEveryElement>("WritesEveryElement", register_envs, what, options);
    Add<ComputesRewardsAsStepDoes>("ComputesRewardsAsStepDoes", register_envs, what, options);
    Add<TakesItsParametersLimits>("TakesItsParametersLimits", register_envs, what, options);
    Add<GoesOnFromASavedState>("GoesOnFromASavedState", register_envs, what, options);
    Add<RefusesAnUnknownKey>("RefusesAnUnknownKey", register_envs, what, options);
  }
}

}  // namespace armature
