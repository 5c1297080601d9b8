#include "learner/replay/replay_store.h"

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "common/random/rng.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr uint64_t kActor = 7;
constexpr int64_t kObservationSize = 2;
// Observation 8, action 4; reward 4, terminated 1, next 4.
constexpr int64_t kRowBytes = 21;

ReplayStore::Options MakeOptions(int64_t capacity) {
  ReplayStore::Options options;
  options.observation = {{kObservationSize, false}};
  options.action_size = 1;
  options.streams_max = 8;
  options.budget_bytes = capacity * kRowBytes + 8 * EpisodeLinks::BytesPerStream();
  options.rows_max = capacity;
  options.gamma = 0.5;
  options.seed = 3;
  return options;
}

std::unique_ptr<ReplayStore> MakeStore(const ReplayStore::Options& options) {
  auto store = ReplayStore::Create(options);
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

// One step whose values all identify it.
struct Transition {
  float observation;
  float next_observation;
  bool terminated;
  bool truncated;
  int32_t slot;
  float action() const { return observation + 0.25f; }
  float reward() const { return observation + 0.5f; }
};

absl::Status Insert(ReplayStore* store, const std::vector<Transition>& transitions) {
  std::vector<float> observation, action, reward, next_observation;
  std::vector<uint8_t> terminated, truncated;
  std::vector<int32_t> slot;
  for (const Transition& step : transitions) {
    observation.insert(observation.end(), {step.observation, -step.observation});
    action.push_back(step.action());
    reward.push_back(step.reward());
    next_observation.insert(next_observation.end(),
                            {step.next_observation, -step.next_observation});
    terminated.push_back(step.terminated);
    truncated.push_back(step.truncated);
    slot.push_back(step.slot);
  }
  return store->Insert(
      kActor, {observation, action, reward, next_observation, terminated, truncated, slot});
}

// Slots that step, terminate, are truncated and break; every observation has a unique number.
class Slots {
 public:
  explicit Slots(uint64_t seed, int count) : rng_({seed}), at_(count, -1) {}

  Transition Step() {
    const int32_t slot = static_cast<int32_t>(rng_.Index(at_.size()));
    const double kind = rng_.Uniform(0, 1);
    if (at_[slot] < 0 || kind > 0.97) at_[slot] = number_++;
    Transition step{static_cast<float>(at_[slot]), static_cast<float>(number_),
                    kind<0.05, kind> 0.05 && kind < 0.1, slot};
    at_[slot] = step.terminated || step.truncated ? -1 : number_;
    ++number_;
    return step;
  }
  std::vector<Transition> Steps(int64_t count) {
    std::vector<Transition> steps;
    for (int64_t i = 0; i < count; ++i) steps.push_back(Step());
    return steps;
  }

 private:
  Rng rng_;
  std::vector<int64_t> at_;
  int64_t number_ = 0;
};

// Draws all steps that can be drawn, by observation; checks that each is in `inserted`.
std::set<float> DrawAll(ReplayStore* store, const std::map<float, Transition>& inserted) {
  std::set<float> drawn;
  const auto sample = store->Sample(40 * store->steps() + 10, 0);
  EXPECT_TRUE(sample.ok());
  const TransitionSample& steps = (*sample)->transitions;
  for (int64_t i = 0; i < steps.reward.size(0); ++i) {
    const float observation = steps.observation[i][0].item<float>();
    if (!drawn.insert(observation).second) continue;
    const auto found = inserted.find(observation);
    if (found == inserted.end()) {
      ADD_FAILURE() << observation << " was never inserted";
      continue;
    }
    const Transition& step = found->second;
    EXPECT_EQ(steps.observation[i][1].item<float>(), -observation);
    EXPECT_EQ(steps.next_observation[i][0].item<float>(), step.next_observation);
    EXPECT_EQ(steps.next_observation[i][1].item<float>(), -step.next_observation);
    EXPECT_EQ(steps.action[i][0].item<float>(), step.action());
    EXPECT_EQ(steps.reward[i].item<float>(), step.reward());
    EXPECT_EQ(steps.terminated[i].item<float>(), step.terminated);
    EXPECT_EQ((*sample)->transitions.discount[i].item<float>(), 0.5f);
    EXPECT_EQ((*sample)->transitions.weight[i].item<float>(), 1);
  }
  return drawn;
}

TEST(ReplayStoreTest, WhatIsDrawnWasInsertedWholeHoweverTheBatchesAreCut) {
  for (const int64_t capacity : {2, 3, 7, 20}) {
    std::set<float> expected;
    for (const int64_t batch : {1, 2, 5, 60}) {
      const auto store = MakeStore(MakeOptions(capacity));
      Slots slots(static_cast<uint64_t>(capacity), 4);
      std::map<float, Transition> inserted;
      std::set<float> drawn;
      for (int64_t i = 0; i < 60; i += batch) {
        const std::vector<Transition> steps = slots.Steps(batch);
        for (const Transition& step : steps) inserted[step.observation] = step;
        ASSERT_TRUE(Insert(store.get(), steps).ok());
        drawn = DrawAll(store.get(), inserted);
        ASSERT_EQ(static_cast<int64_t>(drawn.size()), store->steps());
        ASSERT_FALSE(HasFailure()) << capacity << " rows, batches of " << batch;
      }
      if (batch == 1) expected = drawn;
      EXPECT_EQ(drawn, expected) << capacity << " rows, batches of " << batch;
    }
  }
}

TEST(ReplayStoreTest, TheNewestStepMayBeDrawnAtOnce) {
  const auto store = MakeStore(MakeOptions(10));
  EXPECT_EQ(store->Sample(1, 0).status().code(), absl::StatusCode::kFailedPrecondition);
  const Transition step{0, 1, false, false, 0};
  ASSERT_TRUE(Insert(store.get(), {step}).ok());
  EXPECT_EQ(store->steps(), 1);
  EXPECT_EQ(DrawAll(store.get(), {{0.0f, step}}).size(), 1u);
}

TEST(ReplayStoreTest, AnEpisodeTakesOneRowMoreThanItHasSteps) {
  const auto store = MakeStore(MakeOptions(100));
  for (int episode = 0; episode < 3; ++episode) {
    for (int t = 0; t < 4; ++t) {
      const float at = 10.0f * episode + t;
      ASSERT_TRUE(Insert(store.get(), {{at, at + 1, false, t == 3, 0}}).ok());
    }
  }
  EXPECT_EQ(store->steps(), 12);
  EXPECT_EQ(store->rows(), 15);
}

// Observations 0 .. 4 of slot 0, then as `ends` says; n = 3, gamma = 0.5.
struct Expected {
  float reward;
  float discount;
  float next_observation;
  float terminated;
};
void CheckThreeStep(bool terminated, bool truncated, const std::vector<Expected>& expected) {
  ReplayStore::Options options = MakeOptions(20);
  options.n_step = 3;
  const auto store = MakeStore(options);
  std::vector<Transition> steps;
  for (int t = 0; t < 4; ++t) {
    const bool last = t == 3;
    steps.push_back({1.0f * t, t + 1.0f, last && terminated, last && truncated, 0});
  }
  ASSERT_TRUE(Insert(store.get(), steps).ok());
  // It must not run into another episode of the slot.
  ASSERT_TRUE(Insert(store.get(), {{100, 101, false, false, 0}}).ok());
  const auto sample = store->Sample(200, 0);
  ASSERT_TRUE(sample.ok());
  std::set<int> seen;
  for (int64_t i = 0; i < 200; ++i) {
    const TransitionSample& rows = (*sample)->transitions;
    const int t = rows.observation[i][0].item<int>();
    if (t == 100) continue;
    seen.insert(t);
    EXPECT_EQ(rows.reward[i].item<float>(), expected[t].reward) << t;
    EXPECT_EQ((*sample)->transitions.discount[i].item<float>(), expected[t].discount) << t;
    EXPECT_EQ(rows.next_observation[i][0].item<float>(), expected[t].next_observation) << t;
    EXPECT_EQ(rows.terminated[i].item<float>(), expected[t].terminated) << t;
    EXPECT_EQ(rows.action[i][0].item<float>(), t + 0.25f) << t;
  }
  EXPECT_EQ(seen.size(), 4u);
}

TEST(ReplayStoreTest, NStepReturnsEndAtTerminationAndBootstrapFromTheFinalObservation) {
  // Rewards 0.5, 1.5, 2.5, 3.5.
  const float r0 = 0.5 + 0.5 * 1.5 + 0.25 * 2.5;
  const float r1 = 1.5 + 0.5 * 2.5 + 0.25 * 3.5;
  const float r2 = 2.5 + 0.5 * 3.5;
  CheckThreeStep(true, false,
                 {{r0, 0.125, 3, 0}, {r1, 0.125, 4, 1}, {r2, 0.25, 4, 1}, {3.5, 0.5, 4, 1}});
  CheckThreeStep(false, true,
                 {{r0, 0.125, 3, 0}, {r1, 0.125, 4, 0}, {r2, 0.25, 4, 0}, {3.5, 0.5, 4, 0}});
  CheckThreeStep(false, false,
                 {{r0, 0.125, 3, 0}, {r1, 0.125, 4, 0}, {r2, 0.25, 4, 0}, {3.5, 0.5, 4, 0}});
}

TEST(ReplayStoreTest, FieldsOfUint8AreExactAndFloat16RoundsWithinItsMantissa) {
  ReplayStore::Options options = MakeOptions(10);
  options.observation = {{1, false}, {2, true}, {1, false}, {1, true}};
  options.float_type = ObservationStore::FloatType::kFloat16;
  const auto store = MakeStore(options);
  EXPECT_EQ(store->bytes_per_row(), 2 * 2 + 3 + 4 + 9);
  const std::vector<float> before = {0.1f, 255, 0, -1234.5f, 17};
  const std::vector<float> after = {3e-5f, 1, 254, 65504, 128};
  const std::vector<float> action = {0.7f};
  const std::vector<float> reward = {0.3f};
  const std::vector<uint8_t> no = {0};
  const std::vector<int32_t> slot = {0};
  ASSERT_TRUE(store->Insert(kActor, {before, action, reward, after, no, no, slot}).ok());
  const auto sample = store->Sample(1, 0);
  ASSERT_TRUE(sample.ok());
  auto check = [](const at::Tensor& stored, const std::vector<float>& given) {
    ASSERT_EQ(stored.scalar_type(), at::kFloat);
    for (int64_t j : {1, 2, 4}) EXPECT_EQ(stored[0][j].item<float>(), given[j]);
    for (int64_t j : {0, 3}) {
      // Half a unit in the last of 11 places; for subnormals below 2^-14, half of 2^-24.
      const double bound = std::max(std::abs(given[j]) * 0x1p-11, 0x1p-25);
      EXPECT_NEAR(stored[0][j].item<float>(), given[j], bound);
    }
  };
  check((*sample)->transitions.observation, before);
  check((*sample)->transitions.next_observation, after);
  EXPECT_EQ((*sample)->transitions.action.item<float>(), 0.7f);
  EXPECT_EQ((*sample)->transitions.reward.item<float>(), 0.3f);
}

TEST(ReplayStoreTest, AValueThatItsColumnCannotHoldIsRefusedAndNothingIsStored) {
  ReplayStore::Options options = MakeOptions(10);
  options.observation = {{1, false}, {1, true}};
  options.float_type = ObservationStore::FloatType::kFloat16;
  const auto store = MakeStore(options);
  auto insert = [&store](std::vector<float> before, std::vector<float> after) {
    const std::vector<float> one = {1};
    const std::vector<uint8_t> no = {0};
    const std::vector<int32_t> slot = {0};
    return store->Insert(kActor, {before, one, one, after, no, no, slot});
  };
  EXPECT_EQ(insert({70000, 1}, {0, 0}).message(),
            "observation[0,0] is 70000, beyond float16's 65504; set "
            "replay.observation_type=float32");
  EXPECT_EQ(insert({0, 0}, {0, 0.5f}).message(), "observation[0,1] is 0.5, not a uint8");
  EXPECT_FALSE(insert({0, 0}, {0, 256}).ok());
  EXPECT_FALSE(insert({0, -1}, {0, 0}).ok());
  EXPECT_EQ(store->rows(), 0);
  EXPECT_TRUE(insert({65504, 255}, {0, 0}).ok());
}

TEST(ReplayStoreTest, EveryByteOfTheBudgetIsCounted) {
  ReplayStore::Options options = MakeOptions(10);
  options.rows_max = 1000;
  EXPECT_EQ(MakeStore(options)->capacity(), 10);
  EXPECT_EQ(MakeStore(options)->bytes(), options.budget_bytes);
  --options.budget_bytes;
  EXPECT_EQ(MakeStore(options)->capacity(), 9);
  options.prioritized.emplace();
  EXPECT_EQ(MakeStore(options)->bytes_per_row(), kRowBytes + 16);
  EXPECT_LE(MakeStore(options)->bytes(), options.budget_bytes);
  EXPECT_EQ(MakeStore(options)->Describe(),
            "37 bytes a step and as many an episode, capacity 5 (0.0 MiB), prioritised, "
            "alpha 0.6, beta 0.4 to 1");
}

TEST(ReplayStoreTest, OptionsThatCannotBeMetAreRefusedByName) {
  auto message = [](auto change) {
    ReplayStore::Options options = MakeOptions(10);
    change(&options);
    const absl::Status status = ReplayStore::Create(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  using Options = ReplayStore::Options;
  EXPECT_EQ(message([](Options* options) { options->n_step = 0; }),
            "replay: n_step=0 must be positive");
  EXPECT_EQ(message([](Options* options) { options->observation.clear(); }),
            "replay: observation_size=0 must be positive");
  EXPECT_EQ(message([](Options* options) { options->gamma = 1.5; }),
            "replay: gamma=1.5 must be in [0, 1]");
  EXPECT_EQ(message([](Options* options) {
              options->prioritized = {2, 0.4, 1e-6};
            }),
            "replay: alpha=2 must be in [0, 1]");
  const int64_t streams = 8 * EpisodeLinks::BytesPerStream();
  EXPECT_EQ(message([](Options* options) { options->size_min = 11; }),
            "replay: " + std::to_string(210 + streams) + " bytes, " + std::to_string(streams) +
                " of them for 8 slots, hold 10 rows of 21 bytes, fewer than the 11 of "
                "replay.size_min (at least 2); raise replay.budget_mb or lower replay.size_min");
}

std::map<std::string, at::Tensor> Copy(const NamedTensors& state) {
  std::map<std::string, at::Tensor> copy;
  for (const auto& [name, tensor] : state) copy[name] = tensor.clone();
  return copy;
}

ReplayStore::Options PrioritizedOptions(int64_t capacity) {
  ReplayStore::Options options = MakeOptions(capacity);
  options.budget_bytes = 1 << 20;
  options.n_step = 2;
  options.prioritized.emplace();
  return options;
}

TEST(ReplayStoreTest, ARestoredStoreGoesOnBitForBit) {
  for (const bool prioritized : {false, true}) {
    for (const int64_t inserted : {1, 9, 40}) {
      ReplayStore::Options options = PrioritizedOptions(16);
      if (!prioritized) options.prioritized.reset();
      const auto store = MakeStore(options);
      Slots slots(inserted, 3);
      ASSERT_TRUE(Insert(store.get(), slots.Steps(inserted)).ok());
      ASSERT_TRUE(store->Sample(4, 0).ok());
      ASSERT_TRUE(store->SetErrors({0.5f, 2, 3, 0.1f}).ok());
      options.seed = 99;  // The restored generator decides, not the seed.
      const auto restored = MakeStore(options);
      ASSERT_TRUE(restored->LoadState(Copy(store->State())).ok());
      EXPECT_FALSE(restored->SetErrors({1, 1, 1, 1}).ok()) << "it has sampled nothing yet";
      for (int i = 0; i < 10; ++i) {
        const std::vector<Transition> steps = slots.Steps(3);
        for (ReplayStore* either : {store.get(), restored.get()}) {
          ASSERT_TRUE(Insert(either, steps).ok());
          ASSERT_TRUE(either->Sample(8, 0.1 * i).ok());
          ASSERT_TRUE(either->SetErrors({1, 2, 3, 4, 5, 6, 7, 8}).ok());
        }
        const auto one = Copy(store->State());
        const auto other = Copy(restored->State());
        ASSERT_EQ(one.size(), other.size());
        for (const auto& [name, tensor] : one) {
          ASSERT_TRUE(at::equal(tensor, other.at(name))) << name << ", batch " << i;
        }
      }
    }
  }
}

TEST(ReplayStoreTest, StateThatDoesNotFitIsRefusedAndChangesNothing) {
  const auto store = MakeStore(PrioritizedOptions(16));
  Slots slots(1, 3);
  ASSERT_TRUE(Insert(store.get(), slots.Steps(9)).ok());
  const auto good = Copy(store->State());
  const auto target = MakeStore(PrioritizedOptions(16));
  ASSERT_TRUE(Insert(target.get(), slots.Steps(2)).ok());
  const auto before = Copy(target->State());
  auto refused = [&](const std::map<std::string, at::Tensor>& state, const std::string& what) {
    EXPECT_EQ(target->LoadState(state).code(), absl::StatusCode::kInvalidArgument) << what;
    for (const auto& [name, tensor] : target->State()) {
      EXPECT_TRUE(at::equal(tensor, before.at(name))) << name << " after " << what;
    }
  };
  for (const auto& [name, tensor] : good) {
    auto missing = good;
    missing.erase(name);
    refused(missing, "no " + name);
    auto retyped = good;
    retyped[name] = tensor.to(at::kShort);
    refused(retyped, name + " of int16");
    auto longer = good;
    longer[name] = at::cat({tensor.view({tensor.dim() > 0 ? tensor.size(0) : 1, -1}),
                            tensor.view({tensor.dim() > 0 ? tensor.size(0) : 1, -1})});
    refused(longer, name + " of another shape");
  }
  auto replaced = good;
  replaced["replay.next"][0] = 0;
  refused(replaced, "a row that follows itself");
  EXPECT_TRUE(target->LoadState(Copy(store->State())).ok());
}

TEST(ReplayStoreTest, ErrorsReachTheSampledStepsAndNoneThatCameInTheirPlace) {
  ReplayStore::Options options = PrioritizedOptions(4);
  options.prioritized->alpha = 1;
  const auto store = MakeStore(options);
  ASSERT_TRUE(Insert(store.get(), {{0, 1, false, false, 0}}).ok());
  ASSERT_TRUE(store->Sample(1, 0).ok());
  auto priority = [&store](int64_t row) {
    return Copy(store->State())["replay.priority"][row].item<double>();
  };
  ASSERT_TRUE(store->SetErrors({-5}).ok());
  EXPECT_NEAR(priority(0), 5, 1e-5);
  // Rows 2 and 3 begin, then row 0 again, which gets its step with the last insertion.
  for (int t = 1; t < 5; ++t) {
    ASSERT_TRUE(Insert(store.get(), {{1.0f * t, t + 1.0f, false, false, 0}}).ok());
  }
  ASSERT_TRUE(store->SetErrors({-50}).ok());
  EXPECT_NEAR(priority(0), 5, 1e-5) << "a new step, at the largest priority so far";
  EXPECT_FALSE(store->SetErrors({1, 2}).ok());
  EXPECT_FALSE(store->SetErrors({NAN}).ok());
}

TEST(ReplayStoreTest, ActorNumbersTellNamesAndIncarnationsApart) {
  EXPECT_EQ(ActorNumber("actor-0", 1), ActorNumber("actor-0", 1));
  EXPECT_NE(ActorNumber("actor-0", 1), ActorNumber("actor-1", 1));
  EXPECT_NE(ActorNumber("actor-0", 1), ActorNumber("actor-0", 2));
}

}  // namespace
}  // namespace armature
