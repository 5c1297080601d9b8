#include "learner/replay/uniform_replay.h"

#include <vector>

#include "ATen/ATen.h"
#include "common/policy/generator.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr int64_t kObservationSize = 2;
constexpr int64_t kActionSize = 1;
constexpr int64_t kRowBytes = 4 * (2 * kObservationSize + kActionSize + 2);

UniformReplay::Options MakeOptions(int64_t capacity) {
  UniformReplay::Options options;
  options.observation_size = kObservationSize;
  options.action_size = kActionSize;
  options.budget_bytes = capacity * kRowBytes;
  options.capacity_max = 1000;
  return options;
}

std::unique_ptr<UniformReplay> MakeReplay(int64_t capacity) {
  auto replay = UniformReplay::Create(MakeOptions(capacity));
  EXPECT_TRUE(replay.ok()) << replay.status();
  return std::move(*replay);
}

// Transitions first, first + 1, .., every member of which says which it is.
void InsertNumbered(UniformReplay* replay, int64_t first, int64_t count) {
  std::vector<float> observation;
  std::vector<float> action;
  std::vector<float> reward;
  std::vector<float> next_observation;
  std::vector<uint8_t> terminated;
  for (int64_t i = first; i < first + count; ++i) {
    observation.insert(observation.end(), {i + 0.1f, i + 0.2f});
    action.push_back(i + 0.3f);
    reward.push_back(i);
    next_observation.insert(next_observation.end(), {i + 0.4f, i + 0.5f});
    terminated.push_back(i % 2);
  }
  replay->Insert({observation, action, reward, next_observation, terminated});
}

// How often each number is among many draws; checks that rows stay whole.
std::vector<int64_t> Draw(UniformReplay* replay, int64_t draws, int64_t numbers) {
  const TransitionSample& sample = replay->Sample(draws, MakeGenerator(c10::kCPU, 1));
  const at::Tensor number = sample.reward;
  EXPECT_TRUE(at::equal(sample.observation.select(1, 0), number + 0.1f));
  EXPECT_TRUE(at::equal(sample.observation.select(1, 1), number + 0.2f));
  EXPECT_TRUE(at::equal(sample.action.select(1, 0), number + 0.3f));
  EXPECT_TRUE(at::equal(sample.next_observation.select(1, 0), number + 0.4f));
  EXPECT_TRUE(at::equal(sample.next_observation.select(1, 1), number + 0.5f));
  EXPECT_TRUE(at::equal(sample.terminated, at::fmod(number, 2)));
  const at::Tensor counts = at::bincount(number.to(at::kLong), {}, numbers);
  return std::vector<int64_t>(counts.const_data_ptr<int64_t>(),
                              counts.const_data_ptr<int64_t>() + numbers);
}

TEST(UniformReplayTest, CapacityIsTheSmallerOfBudgetAndMaximum) {
  UniformReplay::Options options = MakeOptions(10);
  options.budget_bytes += kRowBytes - 1;
  EXPECT_EQ((*UniformReplay::Create(options))->capacity(), 10);
  EXPECT_EQ((*UniformReplay::Create(options))->bytes_per_transition(), kRowBytes);
  options.capacity_max = 7;
  EXPECT_EQ((*UniformReplay::Create(options))->capacity(), 7);
}

TEST(UniformReplayTest, ABudgetBelowSizeMinIsRefusedWithTheBytesOfATransition) {
  UniformReplay::Options options = MakeOptions(10);
  options.size_min = 11;
  const absl::Status status = UniformReplay::Create(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "replay: 280 bytes hold 10 transitions of 28 bytes, fewer than replay.size_min=11; "
            "raise replay.budget_mb or lower replay.size_min");
  options.size_min = 10;
  EXPECT_TRUE(UniformReplay::Create(options).ok());
  options.action_size = 0;
  EXPECT_EQ(UniformReplay::Create(options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(UniformReplayTest, TheNewestTransitionsRemainHoweverTheyWereInserted) {
  for (int64_t batch = 1; batch <= 12; ++batch) {
    const auto replay = MakeReplay(5);
    int64_t inserted = 0;
    while (inserted < 24) {
      InsertNumbered(replay.get(), inserted, batch);
      inserted += batch;
      const int64_t size = std::min<int64_t>(5, inserted);
      ASSERT_EQ(replay->size(), size);
      EXPECT_EQ(replay->fill_ratio(), size / 5.0);
      const std::vector<int64_t> counts = Draw(replay.get(), 400, inserted);
      for (int64_t i = 0; i < inserted; ++i) {
        EXPECT_EQ(counts[i] > 0, i >= inserted - size)
            << i << " of " << inserted << " by " << batch;
      }
    }
  }
}

TEST(UniformReplayTest, DrawsAreUniform) {
  const auto replay = MakeReplay(8);
  InsertNumbered(replay.get(), 0, 8);
  for (int64_t count : Draw(replay.get(), 80000, 8)) EXPECT_NEAR(count, 10000, 400);
}

TEST(UniformReplayTest, SameGeneratorStateDrawsTheSame) {
  const auto replay = MakeReplay(8);
  InsertNumbered(replay.get(), 0, 8);
  const at::Tensor first = replay->Sample(16, MakeGenerator(c10::kCPU, 3)).reward.clone();
  const at::Tensor other = replay->Sample(16, MakeGenerator(c10::kCPU, 4)).reward.clone();
  EXPECT_TRUE(at::equal(first, replay->Sample(16, MakeGenerator(c10::kCPU, 3)).reward));
  EXPECT_FALSE(at::equal(first, other));
}

TEST(UniformReplayTest, RestoredStateHoldsTheSameAndGoesOnAtTheSameRow) {
  for (int64_t inserted : {0, 3, 5, 7}) {
    const auto replay = MakeReplay(5);
    InsertNumbered(replay.get(), 0, inserted);
    std::map<std::string, at::Tensor> state;
    for (const auto& [name, tensor] : replay->State()) state[name] = tensor.clone();
    EXPECT_EQ(state["replay.transitions"].size(0), std::min<int64_t>(5, inserted));
    const auto restored = MakeReplay(5);
    ASSERT_TRUE(restored->LoadState(state).ok());
    InsertNumbered(replay.get(), inserted, 2);
    InsertNumbered(restored.get(), inserted, 2);
    EXPECT_EQ(restored->size(), replay->size());
    EXPECT_TRUE(at::equal(restored->State()[0].second, replay->State()[0].second));
    EXPECT_TRUE(at::equal(restored->State()[1].second, replay->State()[1].second));
  }
}

TEST(UniformReplayTest, StateThatDoesNotFitIsRefusedAndChangesNothing) {
  const auto replay = MakeReplay(5);
  InsertNumbered(replay.get(), 0, 4);
  auto refused = [&](at::Tensor rows, at::Tensor next_row) {
    const absl::Status status =
        replay->LoadState({{"replay.transitions", rows}, {"replay.next_row", next_row}});
    EXPECT_EQ(replay->size(), 4);
    return status.code() == absl::StatusCode::kInvalidArgument;
  };
  const at::Tensor next_row = at::scalar_tensor(3, at::kLong);
  EXPECT_TRUE(refused(at::zeros({6, 7}), next_row));
  EXPECT_TRUE(refused(at::zeros({3, 8}), next_row));
  EXPECT_TRUE(refused(at::zeros({3, 7}, at::kDouble), next_row));
  EXPECT_TRUE(refused(at::zeros({2, 7}), next_row));
  EXPECT_TRUE(refused(at::zeros({5, 7}), at::scalar_tensor(5, at::kLong)));
  EXPECT_TRUE(refused(at::zeros({5, 7}), at::scalar_tensor(-1, at::kLong)));
  EXPECT_TRUE(refused(at::zeros({3, 7}), at::scalar_tensor(3.0)));
  EXPECT_FALSE(replay->LoadState({}).ok());
}

}  // namespace
}  // namespace armature
