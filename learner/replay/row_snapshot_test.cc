#include "learner/replay/row_snapshot.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "absl/status/status.h"
#include "common/random/rng.h"
#include "gtest/gtest.h"
#include "learner/replay/replay_store.h"

namespace armature {
namespace {

using State = std::map<std::string, at::Tensor>;

constexpr int64_t kObservationSize = 6;  // 2 bytes, then 2 and 2 floats.
constexpr int64_t kActionSize = 2;
constexpr int32_t kSlots = 5;

class NoReward final : public GoalReward {
 public:
  absl::StatusOr<Outcome> Compute(const at::Tensor& achieved, const at::Tensor&,
                                  const at::Tensor&) override {
    const at::Tensor zeros = at::zeros({achieved.size(0)}, at::kFloat);
    return Outcome{zeros, zeros.clone()};
  }
};

enum Kind { kUniform, kThreeStep, kPrioritized, kFloat16, kHindsight, kKinds };

std::unique_ptr<ReplayStore> MakeStore(int kind, uint64_t seed = 1) {
  static NoReward* const reward = new NoReward;
  ReplayStore::Options options;
  options.observation = {{2, true}, {2, false}, {2, false}};
  options.action_size = kActionSize;
  options.budget_bytes = 1 << 20;
  options.rows_max = 200;
  options.streams_max = 16;
  options.seed = seed;
  options.segment_bytes_max = 1000;  // 16 rows or so.
  if (kind == kThreeStep) options.n_step = 3;
  if (kind == kPrioritized) options.prioritized.emplace();
  if (kind == kFloat16) options.float_type = ObservationStore::FloatType::kFloat16;
  if (kind == kHindsight) {
    options.hindsight.emplace();
    options.hindsight->goals = {2, 4, 2};
    options.hindsight->extra_size = 1;
    options.hindsight->batches_ahead = 3;
    options.hindsight->reward = reward;
  }
  auto store = ReplayStore::Create(options);
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

// Random experience of several slots: episodes that end, streams that break, slots that pause.
class Experience {
 public:
  explicit Experience(uint64_t seed) : rng_({seed}), last_(kSlots) {
    for (auto& observation : last_) observation = NewObservation();
  }

  void InsertInto(ReplayStore* store, int steps) {
    std::vector<float> observation, action, reward, next, extra;
    std::vector<uint8_t> terminated, truncated;
    std::vector<int32_t> slot;
    for (int i = 0; i < steps; ++i) {
      // The last slot comes so seldom that its row has been waiting for long, or is gone.
      const int32_t at = Below(40) == 0 ? kSlots - 1 : Below(kSlots - 1);
      if (Below(20) == 0) last_[at] = NewObservation();
      observation.insert(observation.end(), last_[at].begin(), last_[at].end());
      last_[at] = NewObservation();
      next.insert(next.end(), last_[at].begin(), last_[at].end());
      for (int j = 0; j < kActionSize; ++j) action.push_back(Unit());
      reward.push_back(Unit());
      extra.push_back(Unit());
      terminated.push_back(Below(12) == 0);
      truncated.push_back(Below(12) == 0);
      slot.push_back(at);
    }
    const absl::Status status =
        store->Insert(1, {observation, action, reward, next, terminated, truncated, slot, extra});
    ASSERT_TRUE(status.ok()) << status;
  }

  int Below(int limit) { return static_cast<int>(rng_.Index(limit)); }

 private:
  float Unit() { return static_cast<float>(rng_.Uniform(0, 1)); }
  std::vector<float> NewObservation() {
    std::vector<float> values = {static_cast<float>(Below(256)), static_cast<float>(Below(256))};
    while (values.size() < kObservationSize) values.push_back(Unit());
    return values;
  }

  Rng rng_;
  std::vector<std::vector<float>> last_;
};

void Learn(ReplayStore* store) {
  ASSERT_TRUE(store->Sample(8, 0.5).ok());
  ASSERT_TRUE(store->SetErrors({1, 2, 3, 4, 5, 6, 7, 8}).ok());
}

State Copy(const NamedTensors& state) {
  State copy;
  for (const auto& [name, tensor] : state) copy[name] = tensor.clone();
  return copy;
}

// The state of a snapshot whose segments were taken.
State Assemble(const NamedTensors& beside, const RowSnapshot& snapshot,
               const std::map<int64_t, NamedTensors>& segments) {
  State state(beside.begin(), beside.end());
  for (const auto& [name, empty] : snapshot.Empty()) {
    std::vector<at::Tensor> parts = {empty};
    for (const auto& [index, columns] : segments) {
      for (const auto& [column, values] : columns) {
        if (column == name) parts.push_back(values);
      }
    }
    state[name] = at::cat(parts);
  }
  return state;
}

void ExpectEqual(const State& found, const State& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    ASSERT_EQ(found.count(name), 1u) << name;
    EXPECT_TRUE(at::equal(found.at(name), tensor)) << name;
  }
}

// Whatever the replay takes in and learns while its segments are read, one by one.
TEST(RowSnapshotTest, IsTheStateOfItsInstant) {
  for (int kind = 0; kind < kKinds; ++kind) {
    for (uint64_t seed = 1; seed <= 30; ++seed) {
      SCOPED_TRACE(testing::Message() << "kind " << kind << ", seed " << seed);
      const auto store = MakeStore(kind);
      Experience experience(seed);
      experience.InsertInto(store.get(), 1 + experience.Below(400));
      for (int round = 0; round < 3; ++round) {
        Learn(store.get());
        const State expected = Copy(store->State());
        const NamedTensors beside = store->StateBesideRows();
        const auto snapshot = store->SnapshotRows();
        std::map<int64_t, NamedTensors> segments;
        for (const int64_t segment : snapshot->order()) {
          experience.InsertInto(store.get(), 1 + experience.Below(30));
          Learn(store.get());
          segments[segment] = snapshot->Take(segment).value();
        }
        const State found = Assemble(beside, *snapshot, segments);
        ASSERT_NO_FATAL_FAILURE(ExpectEqual(found, expected));
        const auto restored = MakeStore(kind, /*seed=*/99);
        ASSERT_TRUE(restored->LoadState(found).ok());
        ASSERT_NO_FATAL_FAILURE(ExpectEqual(Copy(restored->State()), expected));
      }
    }
  }
}

TEST(RowSnapshotTest, AnotherThreadReadsItWhileTheReplayGoesOn) {
  for (int kind = 0; kind < kKinds; ++kind) {
    const auto store = MakeStore(kind);
    Experience experience(7);
    experience.InsertInto(store.get(), 300);
    for (int round = 0; round < 5; ++round) {
      const State expected = Copy(store->State());
      const NamedTensors beside = store->StateBesideRows();
      const auto snapshot = store->SnapshotRows();
      std::map<int64_t, NamedTensors> segments;
      std::thread reader([&] {
        for (const int64_t segment : snapshot->order()) {
          segments[segment] = snapshot->Take(segment).value();
        }
      });
      for (int i = 0; i < 20; ++i) {
        experience.InsertInto(store.get(), 10);
        Learn(store.get());
      }
      reader.join();
      ASSERT_NO_FATAL_FAILURE(ExpectEqual(Assemble(beside, *snapshot, segments), expected));
    }
  }
}

// So that only what has changed need be written, and always that.
TEST(RowSnapshotTest, ASegmentHasAnotherVersionIfAndOnlyIfItsRowsChanged) {
  for (int kind = 0; kind < kKinds; ++kind) {
    const auto store = MakeStore(kind);
    Experience experience(3);
    experience.InsertInto(store.get(), 150);
    std::map<uint64_t, State> rows_by_version;
    int64_t unchanged = 0;
    for (int round = 0; round < 60; ++round) {
      const auto snapshot = store->SnapshotRows();
      for (int64_t segment = 0; segment < snapshot->segments(); ++segment) {
        const NamedTensors taken = snapshot->Take(segment).value();
        const auto [known, is_new] = rows_by_version.emplace(
            snapshot->version(segment) * 1000 + segment, State(taken.begin(), taken.end()));
        unchanged += !is_new;
        ASSERT_NO_FATAL_FAILURE(ExpectEqual(State(taken.begin(), taken.end()), known->second));
      }
      Learn(store.get());
      experience.InsertInto(store.get(), 5);
    }
    EXPECT_GT(unchanged, 60 * 3) << "of 7 segments or more, few change in a round";
  }
}

TEST(RowSnapshotTest, ALoadedStateChangesEverySegment) {
  const auto store = MakeStore(kUniform);
  Experience experience(5);
  experience.InsertInto(store.get(), 300);
  const auto before = store->SnapshotRows();
  const State state = Copy(store->State());
  ASSERT_TRUE(store->LoadState(state).ok());
  const auto after = store->SnapshotRows();
  for (int64_t segment = 0; segment < after->segments(); ++segment) {
    EXPECT_NE(before->version(segment), after->version(segment));
  }
}

TEST(RowSnapshotTest, OneOfAReplayThatIsGoneOrHasTakenAnotherIsCancelled) {
  auto store = MakeStore(kUniform);
  Experience experience(5);
  experience.InsertInto(store.get(), 50);
  const auto first = store->SnapshotRows();
  const auto second = store->SnapshotRows();
  EXPECT_TRUE(absl::IsCancelled(first->Take(0).status()));
  EXPECT_TRUE(second->Take(0).ok());
  store.reset();
  EXPECT_TRUE(absl::IsCancelled(second->Take(1).status()));
}

TEST(RowSnapshotTest, AnEmptyReplayHasNoSegments) {
  const auto store = MakeStore(kPrioritized);
  const auto snapshot = store->SnapshotRows();
  EXPECT_EQ(snapshot->segments(), 0);
  EXPECT_TRUE(snapshot->order().empty());
  const auto restored = MakeStore(kPrioritized);
  EXPECT_TRUE(restored->LoadState(Assemble(store->StateBesideRows(), *snapshot, {})).ok());
}

}  // namespace
}  // namespace armature
