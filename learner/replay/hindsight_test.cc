#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "common/random/rng.h"
#include "common/spec/env_spec.h"
#include "gtest/gtest.h"
#include "learner/replay/replay_store.h"

namespace armature {
namespace {

// Observation: [number, achieved, -achieved, desired, -desired]. Each achieved goal is unique, so
// that it identifies its observation.
constexpr int64_t kGoalSize = 2;
constexpr int64_t kSize = 1 + 2 * kGoalSize;
constexpr float kDesired = 1000;  // + the episode's number, before relabelling.
constexpr int64_t kLength = 6;    // Steps per episode.

// Terminates when the goal is reached; its reward tells the two arguments apart.
class Reward : public GoalReward {
 public:
  absl::StatusOr<Outcome> Compute(const at::Tensor& achieved, const at::Tensor& desired,
                                  const at::Tensor& /*extra*/) override {
    if (fails) return absl::UnavailableError("no reward today");
    ++calls;
    EXPECT_EQ(achieved.size(1), kGoalSize);
    return Outcome{achieved.select(1, 0) * 2 - desired.select(1, 0) * 3,
                   (achieved == desired).all(1).to(at::kFloat) * ends_on_success};
  }
  bool fails = false;
  bool ends_on_success = true;
  int calls = 0;
};

// Minus what the step's extra says.
class CostReward : public GoalReward {
 public:
  absl::StatusOr<Outcome> Compute(const at::Tensor& achieved, const at::Tensor& /*desired*/,
                                  const at::Tensor& extra) override {
    EXPECT_EQ(extra.size(0), achieved.size(0));
    return Outcome{-extra.select(1, 0), at::zeros({achieved.size(0)})};
  }
};

EnvSpec GoalEnv() {
  EnvSpec spec;
  spec.id = "goals";
  auto add = [&spec](const std::string& name, int64_t size) {
    FieldSpec field;
    field.name = name;
    field.shape = {size};
    spec.observation.push_back(field);
  };
  add("observation", 1);
  add("achieved_goal", kGoalSize);
  add("desired_goal", kGoalSize);
  spec.goal = GoalSpec{"achieved_goal", "desired_goal"};
  return spec;
}

ReplayStore::Options MakeOptions(Reward* reward, double k) {
  const EnvSpec env = GoalEnv();
  ReplayStore::Options options;
  options.observation = ObservationFields(env);
  options.action_size = 1;
  options.streams_max = 8;
  options.budget_bytes = 1 << 20;
  options.rows_max = 200;
  options.hindsight = *ReplayStore::HindsightOf(env);
  options.hindsight->k = k;
  options.hindsight->reward = reward;
  return options;
}

// Of the step that begins with observation `number`; float16 can hold neither its size nor its
// fraction.
float ExtraAt(int64_t number) { return 100000.125f + number; }

// Inserts whole episodes and remembers each observation's episode and time. An observation's number
// is also its achieved goal.
class Episodes {
 public:
  explicit Episodes(ReplayStore* store) : store_(store) {}

  enum class End { kNone, kTruncated, kTerminated };

  // kLength steps, truncated at the end if `ends`.
  void Add(int32_t slot, bool ends) { Add(slot, ends ? End::kTruncated : End::kNone); }
  void Add(int32_t slot, End end) {
    for (int64_t t = 0; t < kLength; ++t) {
      const std::vector<float> before = Observation(number_);
      places_[number_] = {episode_, t};
      const std::vector<float> after = Observation(++number_);
      places_[number_] = {episode_, t + 1};
      const std::vector<float> action = {0};
      const std::vector<float> reward = {-7};
      const bool is_last = t == kLength - 1;
      const std::vector<uint8_t> terminated = {is_last && end == End::kTerminated};
      const std::vector<uint8_t> truncated = {is_last && end == End::kTruncated};
      const std::vector<int32_t> slots = {slot};
      const std::vector<float> extra = {ExtraAt(number_ - 1)};
      ASSERT_TRUE(
          store_->Insert(1, {before, action, reward, after, terminated, truncated, slots, extra})
              .ok());
    }
    ++number_;
    ++episode_;
  }

  struct Place {
    int64_t episode;
    int64_t time;
  };
  Place Find(float number) const { return places_.at(static_cast<int64_t>(number)); }

 private:
  std::vector<float> Observation(int64_t number) const {
    const float achieved = number;
    const float desired = kDesired + episode_;
    return {achieved, achieved, -achieved, desired, -desired};
  }

  ReplayStore* const store_;
  int64_t number_ = 0;
  int64_t episode_ = 0;
  std::map<int64_t, Place> places_;
};

std::unique_ptr<ReplayStore> MakeStore(const ReplayStore::Options& options) {
  auto store = ReplayStore::Create(options);
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

TEST(HindsightTest, GoalsAreThoseOfTheSameEpisodeAtThisStepOrLaterAndRewardsFollow) {
  Reward reward;
  const auto store = MakeStore(MakeOptions(&reward, 4));
  Episodes episodes(store.get());
  // More than fit, so that some episodes have lost their beginning.
  for (int i = 0; i < 40; ++i) episodes.Add(i % 3, true);
  std::map<int64_t, int64_t> later_by;  // How many steps later the goal was achieved.
  for (int draw = 0; draw < 20; ++draw) {
    const auto sample = store->Sample(100, 0);
    ASSERT_TRUE(sample.ok());
    ASSERT_EQ((*sample)->relabelled, 80);
    const TransitionSample& steps = (*sample)->transitions;
    for (int64_t i = 0; i < 100; ++i) {
      const auto at = episodes.Find(steps.observation[i][0].item<float>());
      const float next = steps.next_observation[i][1].item<float>();
      const float goal = steps.observation[i][3].item<float>();
      ASSERT_EQ(episodes.Find(next).episode, at.episode);
      ASSERT_EQ(episodes.Find(next).time, at.time + 1);
      for (const at::Tensor& observation : {steps.observation[i], steps.next_observation[i]}) {
        ASSERT_EQ(observation[3].item<float>(), goal);
        ASSERT_EQ(observation[4].item<float>(), -goal);
        ASSERT_EQ(observation[2].item<float>(), -observation[1].item<float>());
      }
      ASSERT_EQ((*sample)->transitions.discount[i].item<float>(), 0.99f);
      if (i >= (*sample)->relabelled) {
        ASSERT_EQ(goal, kDesired + at.episode);
        ASSERT_EQ(steps.reward[i].item<float>(), -7);
        continue;
      }
      const auto achieved = episodes.Find(goal);
      ASSERT_EQ(achieved.episode, at.episode);
      ASSERT_GT(achieved.time, at.time);
      if (at.time == 0) ++later_by[achieved.time];
      ASSERT_EQ(steps.reward[i].item<float>(), next * 2 - goal * 3);
      ASSERT_EQ(steps.terminated[i].item<float>(), goal == next);
    }
  }
  // From an episode's first step all its goals are equally likely.
  ASSERT_EQ(later_by.size(), static_cast<size_t>(kLength));
  double total = 0;
  for (const auto& [time, count] : later_by) total += count;
  double chi_square = 0;
  for (const auto& [time, count] : later_by) {
    chi_square += std::pow(count - total / kLength, 2) / (total / kLength);
  }
  EXPECT_LT(chi_square, 20.52);  // 0.999 quantile, 5 degrees of freedom.
}

TEST(HindsightTest, WhatTerminatedByFailureIsTerminatedUnderAnyGoal) {
  for (const bool ends_on_success : {true, false}) {
    Reward reward;
    reward.ends_on_success = ends_on_success;
    const auto store = MakeStore(MakeOptions(&reward, 4));
    Episodes episodes(store.get());
    for (int i = 0; i < 10; ++i) {
      episodes.Add(0, i % 2 == 0 ? Episodes::End::kTerminated : Episodes::End::kTruncated);
    }
    const auto sample = store->Sample(500, 0);
    ASSERT_TRUE(sample.ok());
    ASSERT_EQ((*sample)->relabelled, 400);
    const TransitionSample& steps = (*sample)->transitions;
    for (int64_t i = 0; i < 500; ++i) {
      const auto at = episodes.Find(steps.observation[i][0].item<float>());
      const bool fell = at.time == kLength - 1 && at.episode % 2 == 0;
      const bool succeeds = ends_on_success && steps.next_observation[i][1].item<float>() ==
                                                   steps.observation[i][3].item<float>();
      ASSERT_EQ(steps.terminated[i].item<float>(), fell || succeeds)
          << i << ": step " << at.time << " of episode " << at.episode;
    }
  }
}

TEST(HindsightTest, TheShareOfABatchIsKOfKPlusOne) {
  for (const auto& [k, relabelled] :
       std::vector<std::pair<double, int64_t>>{{1, 60}, {2, 80}, {4, 96}, {0.5, 40}}) {
    Reward reward;
    const auto store = MakeStore(MakeOptions(&reward, k));
    Episodes episodes(store.get());
    episodes.Add(0, true);
    const auto sample = store->Sample(120, 0);
    ASSERT_TRUE(sample.ok());
    EXPECT_EQ((*sample)->relabelled, relabelled) << k;
  }
}

TEST(HindsightTest, StepsOfEpisodesUnderWayKeepTheirGoal) {
  Reward reward;
  const auto store = MakeStore(MakeOptions(&reward, 4));
  Episodes episodes(store.get());
  episodes.Add(0, true);
  episodes.Add(1, false);
  const auto sample = store->Sample(400, 0);
  ASSERT_TRUE(sample.ok());
  const TransitionSample& steps = (*sample)->transitions;
  int64_t under_way = 0;
  for (int64_t i = 0; i < 400; ++i) {
    if (episodes.Find(steps.observation[i][0].item<float>()).episode == 0) continue;
    ++under_way;
    EXPECT_GE(i, (*sample)->relabelled);
    EXPECT_EQ(steps.observation[i][3].item<float>(), kDesired + 1);
    EXPECT_EQ(steps.reward[i].item<float>(), -7);
  }
  EXPECT_NEAR(under_way, 200, 50);
}

TEST(HindsightTest, RelabelledStepsKeepTheirPrioritiesWeights) {
  Reward reward;
  ReplayStore::Options options = MakeOptions(&reward, 4);
  options.prioritized.emplace();
  options.prioritized->alpha = 1;
  options.prioritized->beta = 1;
  const auto store = MakeStore(options);
  Episodes episodes(store.get());
  episodes.Add(0, true);
  episodes.Add(1, false);
  auto sample = store->Sample(64, 0);
  ASSERT_TRUE(sample.ok());
  std::vector<float> errors;
  for (int64_t i = 0; i < 64; ++i) {
    errors.push_back(1 + (*sample)->transitions.observation[i][0].item<float>());
  }
  ASSERT_TRUE(store->SetErrors(errors).ok());
  sample = store->Sample(64, 0);
  ASSERT_TRUE(sample.ok());
  // Where the step's error was set, weight times error is the same number.
  const at::Tensor number = (*sample)->transitions.observation.select(1, 0);
  const at::Tensor products = (*sample)->transitions.weight * (number + 1);
  EXPECT_LT((products.max() / products.min()).item<float>(), 1.001);
}

TEST(HindsightTest, WhatTheRewardFunctionAnswersIsWhatSampleAnswers) {
  Reward reward;
  const auto store = MakeStore(MakeOptions(&reward, 4));
  Episodes episodes(store.get());
  episodes.Add(0, true);
  reward.fails = true;
  EXPECT_EQ(store->Sample(8, 0).status(), absl::UnavailableError("no reward today"));
  reward.fails = false;
  EXPECT_TRUE(store->Sample(8, 0).ok());
}

TEST(HindsightTest, ARestoredStoreRelabelsBitForBit) {
  Reward reward;
  const auto store = MakeStore(MakeOptions(&reward, 4));
  Episodes episodes(store.get());
  for (int i = 0; i < 40; ++i) episodes.Add(i % 3, i % 5 != 0);
  std::map<std::string, at::Tensor> state;
  for (const auto& [name, tensor] : store->State()) state[name] = tensor.clone();
  const auto restored = MakeStore(MakeOptions(&reward, 4));
  ASSERT_TRUE(restored->LoadState(state).ok());
  for (int draw = 0; draw < 5; ++draw) {
    const auto one = store->Sample(32, 0);
    const auto other = restored->Sample(32, 0);
    ASSERT_TRUE(one.ok() && other.ok());
    EXPECT_EQ((*one)->relabelled, (*other)->relabelled);
    EXPECT_TRUE(at::equal((*one)->transitions.observation, (*other)->transitions.observation));
    EXPECT_TRUE(at::equal((*one)->transitions.reward, (*other)->transitions.reward));
  }
}

TEST(HindsightTest, OneCallRewardsAllBatchesDrawnAhead) {
  Reward reward;
  ReplayStore::Options options = MakeOptions(&reward, 4);
  options.hindsight->batches_ahead = 3;
  const auto store = MakeStore(options);
  Episodes episodes(store.get());
  for (int i = 0; i < 40; ++i) episodes.Add(i % 3, true);
  for (int draw = 0; draw < 6; ++draw) {
    const auto sample = store->Sample(20, 0);
    ASSERT_TRUE(sample.ok());
    EXPECT_EQ(reward.calls, 1 + draw / 3);
    ASSERT_EQ((*sample)->relabelled, 16);
    const TransitionSample& steps = (*sample)->transitions;
    const at::Tensor expected =
        steps.next_observation.select(1, 1) * 2 - steps.observation.select(1, 3) * 3;
    EXPECT_TRUE(at::equal(steps.reward.narrow(0, 0, 16), expected.narrow(0, 0, 16)));
    EXPECT_TRUE(at::equal(steps.reward.narrow(0, 16, 4), at::full({4}, -7.0f)));
    EXPECT_TRUE(store->SetErrors(std::vector<float>(20, 1)).ok());
  }
  EXPECT_TRUE(store->Sample(21, 0).ok());  // Another size is redrawn.
}

TEST(HindsightTest, BatchesDrawnAheadAreRestoredBitForBit) {
  Reward reward;
  ReplayStore::Options options = MakeOptions(&reward, 4);
  options.hindsight->batches_ahead = 3;
  options.prioritized.emplace();
  const auto store = MakeStore(options);
  Episodes episodes(store.get());
  for (int i = 0; i < 40; ++i) episodes.Add(i % 3, true);
  ASSERT_TRUE(store->Sample(16, 0).ok());
  std::map<std::string, at::Tensor> state;
  for (const auto& [name, tensor] : store->State()) state[name] = tensor.clone();
  const auto restored = MakeStore(options);
  ASSERT_TRUE(restored->LoadState(state).ok());
  std::vector<float> errors(16);
  for (int draw = 0; draw < 6; ++draw) {
    const auto one = store->Sample(16, 0.5);
    const auto other = restored->Sample(16, 0.5);
    ASSERT_TRUE(one.ok() && other.ok());
    EXPECT_TRUE(at::equal((*one)->rows, (*other)->rows));
    const TransitionSample& a = (*one)->transitions;
    const TransitionSample& b = (*other)->transitions;
    EXPECT_TRUE(at::equal(a.observation, b.observation));
    EXPECT_TRUE(at::equal(a.next_observation, b.next_observation));
    EXPECT_TRUE(at::equal(a.action, b.action));
    EXPECT_TRUE(at::equal(a.reward, b.reward));
    EXPECT_TRUE(at::equal(a.terminated, b.terminated));
    EXPECT_TRUE(at::equal(a.discount, b.discount));
    EXPECT_TRUE(at::equal(a.weight, b.weight));
    for (size_t i = 0; i < errors.size(); ++i) errors[i] = static_cast<float>(i + draw);
    EXPECT_TRUE(store->SetErrors(errors).ok());
    EXPECT_TRUE(restored->SetErrors(errors).ok());
  }
  state["replay.ahead.action"] = at::zeros({1});
  EXPECT_EQ(restored->LoadState(state).message(),
            "replay.ahead.action is missing or is not Float [2,16,1]");
}

ReplayStore::Options CostOptions(CostReward* reward) {
  Reward unused;
  ReplayStore::Options options = MakeOptions(&unused, 4);
  options.hindsight->reward = reward;
  options.hindsight->extra_size = 1;
  options.float_type = ObservationStore::FloatType::kFloat16;
  return options;
}

TEST(HindsightTest, EachStepsExtraReachesItsRewardAsItWasAlsoInAFloat16Replay) {
  CostReward reward;
  const auto store = MakeStore(CostOptions(&reward));
  Episodes episodes(store.get());
  for (int i = 0; i < 40; ++i) episodes.Add(i % 3, true);  // More than fit.
  std::set<int64_t> seen;
  for (int draw = 0; draw < 10; ++draw) {
    const auto sample = store->Sample(100, 0);
    ASSERT_TRUE(sample.ok()) << sample.status();
    ASSERT_EQ((*sample)->relabelled, 80);
    const TransitionSample& steps = (*sample)->transitions;
    for (int64_t i = 0; i < 80; ++i) {
      const auto number = static_cast<int64_t>(steps.observation[i][0].item<float>());
      seen.insert(number);
      ASSERT_EQ(steps.reward[i].item<float>(), -ExtraAt(number));
    }
  }
  EXPECT_GT(seen.size(), 100u);
}

TEST(HindsightTest, ExtrasCountTowardsTheBudgetAndAreRestored) {
  CostReward reward;
  ReplayStore::Options options = CostOptions(&reward);
  const auto store = MakeStore(options);
  options.hindsight->extra_size = 0;
  EXPECT_EQ(store->bytes_per_row(), MakeStore(options)->bytes_per_row() + 4);
  Episodes episodes(store.get());
  for (int i = 0; i < 10; ++i) episodes.Add(i % 3, true);
  std::map<std::string, at::Tensor> state;
  for (const auto& [name, tensor] : store->State()) state[name] = tensor.clone();
  const auto restored = MakeStore(CostOptions(&reward));
  ASSERT_TRUE(restored->LoadState(state).ok());
  for (int draw = 0; draw < 3; ++draw) {
    const auto one = store->Sample(50, 0);
    const auto other = restored->Sample(50, 0);
    ASSERT_TRUE(one.ok() && other.ok());
    EXPECT_TRUE(at::equal((*one)->transitions.reward, (*other)->transitions.reward));
  }
  state["replay.goal_extra"] = state["replay.goal_extra"].narrow(0, 0, 1);
  EXPECT_EQ(restored->LoadState(state).message(), "replay.goal_extra has 1 rows, expected 70");
  state.erase("replay.goal_extra");
  EXPECT_EQ(restored->LoadState(state).message(), "state has no replay.goal_extra");
}

TEST(HindsightTest, GoalsMayBeStoredAsBytes) {
  Reward reward;
  ReplayStore::Options options = MakeOptions(&reward, 4);
  for (ObservationField& field : options.observation) field.is_uint8 = field.size == kGoalSize;
  const auto store = MakeStore(options);
  // Achieved goals count from 1; none was ever desired.
  for (int t = 0; t < kLength; ++t) {
    const uint8_t at = static_cast<uint8_t>(t);
    const std::vector<float> before = {0, at + 0.f, 0, 200, 201};
    const std::vector<float> after = {0, at + 1.f, 0, 200, 201};
    const std::vector<uint8_t> truncated = {t == kLength - 1};
    ASSERT_TRUE(store->Insert(1, {before, {0.f}, {-7.f}, after, {0}, truncated, {0}}).ok());
  }
  const auto sample = store->Sample(100, 0);
  ASSERT_TRUE(sample.ok()) << sample.status();
  ASSERT_EQ((*sample)->relabelled, 80);
  const TransitionSample& steps = (*sample)->transitions;
  for (int64_t i = 0; i < 100; ++i) {
    const float next = steps.next_observation[i][1].item<float>();
    const float goal = steps.observation[i][3].item<float>();
    ASSERT_EQ(steps.next_observation[i][3].item<float>(), goal);
    if (i >= 80) {
      ASSERT_EQ(goal, 200);
      continue;
    }
    ASSERT_GE(goal, next);
    ASSERT_LE(goal, kLength);
    ASSERT_EQ(steps.observation[i][4].item<float>(), 0);
    ASSERT_EQ(steps.reward[i].item<float>(), next * 2 - goal * 3);
  }
}

TEST(HindsightTest, WhatHindsightCannotDoIsRefusedByName) {
  Reward reward;
  auto message = [&reward](auto change) {
    ReplayStore::Options options = MakeOptions(&reward, 4);
    change(&options);
    const absl::Status status = ReplayStore::Create(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  using Options = ReplayStore::Options;
  EXPECT_EQ(message([](Options* options) { options->n_step = 3; }),
            "replay: n_step=3 with hindsight: a relabelled step has a reward of its own only; "
            "use n_step=1");
  EXPECT_EQ(message([](Options* options) { options->hindsight->goals.achieved_begin = 0; }),
            "replay: goal at columns 0 .. 1 is not within one observation field");
  EXPECT_EQ(message([](Options* options) { options->hindsight->goals.desired_begin = 4; }),
            "replay: goal at columns 4 .. 5 is not within one observation field");
  EXPECT_EQ(message([](Options* options) { options->hindsight->k = 0; }),
            "replay: hindsight needs k > 0, not 0, goal_size > 0, not 2, batches_ahead > 0, not 1, "
            "and a reward function");
  EnvSpec env = GoalEnv();
  env.goal.reset();
  EXPECT_EQ(ReplayStore::HindsightOf(env).status().message(),
            "environment \"goals\" has no goals: hindsight needs them");
}

}  // namespace
}  // namespace armature
