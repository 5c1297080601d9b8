#include "learner/replay/episode_links.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "common/random/rng.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

// A naive model: a queue of rows that remember their whole episode.
struct Observation {
  int64_t number;
  int64_t episode;
  int64_t time;
};
struct TakenStep {
  float reward = 0;
  bool terminated = false;
};
struct Episode {
  std::vector<int64_t> observations;  // Numbers.
  std::vector<TakenStep> steps;
  bool ended = false;
};
class Model {
 public:
  explicit Model(int64_t capacity, bool index_episodes, int64_t streams_max = 8)
      : capacity_(capacity), links_({capacity, streams_max, index_episodes}) {}

  // Takes a step in `slot`. If `lost`, its observation is not the announced one.
  void Step(int32_t slot, bool terminated, bool truncated, bool lost) {
    Slot& state = slots_[slot];
    const bool continues = state.number >= 0 && !lost && Remains(state.number, 1);
    if (!continues) {
      if (state.number >= 0) episodes_[state.episode].ended = true;
      state.episode = static_cast<int64_t>(episodes_.size());
      episodes_.emplace_back();
      state.number = Begin(state.episode);
    }
    Episode& episode = episodes_[state.episode];
    const int64_t number = state.number;
    const int64_t next = Begin(state.episode);
    const float reward = 1 + number % 7;
    episode.steps.push_back({reward, terminated});
    const auto placed = links_.Append(
        {1, slot, lost ? ~0ull : Digest(number), Digest(next), reward, terminated, truncated});
    EXPECT_EQ(placed.serial, number);
    EXPECT_EQ(placed.row, number % capacity_);
    EXPECT_EQ(placed.next_row, next % capacity_);
    EXPECT_EQ(placed.is_new, !continues);
    state.number = next;
    if (terminated || truncated) {
      episode.ended = true;
      state.number = -1;
    }
  }

  void Check(const EpisodeLinks& links, bool index_episodes) const {
    int64_t steps = 0;
    ASSERT_EQ(links.rows(), static_cast<int64_t>(rows_.size()));
    for (const Observation& at : rows_) {
      const Episode& episode = episodes_[at.episode];
      const int64_t row = at.number % capacity_;
      const int64_t remaining = static_cast<int64_t>(episode.steps.size()) - at.time;
      ASSERT_EQ(links.Serial(row), at.number);
      ASSERT_EQ(links.HoldsStep(row), remaining > 0);
      steps += remaining > 0;
      if (index_episodes) CheckLater(links, at, row);
      if (remaining == 0) continue;
      for (int64_t n = 1; n <= 4; ++n) {
        const int64_t m = std::min(n, remaining);
        float reward = 0;
        for (int64_t j = 0; j < m; ++j) {
          reward += std::pow(0.5f, j) * episode.steps[at.time + j].reward;
        }
        const EpisodeLinks::Return r = links.NStep(row, n, 0.5);
        ASSERT_FLOAT_EQ(r.reward, reward);
        ASSERT_FLOAT_EQ(r.discount, std::pow(0.5f, m));
        ASSERT_EQ(r.terminated, episode.steps[at.time + m - 1].terminated);
        const int64_t next = episode.observations[at.time + m];
        ASSERT_EQ(r.next_row, next % capacity_);
        ASSERT_EQ(links.Serial(r.next_row), next) << "the next row of a held step is gone";
      }
    }
    ASSERT_EQ(links.steps(), steps);
  }

  const EpisodeLinks& links() const { return links_; }
  EpisodeLinks* mutable_links() { return &links_; }

 private:
  struct Slot {
    int64_t number = -1;
    int64_t episode = -1;
  };

  static uint64_t Digest(int64_t number) { return 1000 + number; }

  bool Remains(int64_t number, int64_t begun) const { return number >= begun_ + begun - capacity_; }

  int64_t Begin(int64_t episode) {
    Episode& in = episodes_[episode];
    rows_.push_back({begun_, episode, static_cast<int64_t>(in.observations.size())});
    in.observations.push_back(begun_);
    if (static_cast<int64_t>(rows_.size()) > capacity_) rows_.pop_front();
    return begun_++;
  }

  void CheckLater(const EpisodeLinks& links, const Observation& at, int64_t row) const {
    const Episode& episode = episodes_[at.episode];
    const int64_t later =
        episode.ended ? static_cast<int64_t>(episode.observations.size()) - 1 - at.time : 0;
    ASSERT_EQ(links.LaterObservations(row), later);
    for (int64_t k = 0; k <= later; ++k) {
      ASSERT_EQ(links.Serial(links.Later(row, k)), episode.observations[at.time + k]);
    }
  }

  const int64_t capacity_;
  EpisodeLinks links_;
  int64_t begun_ = 0;
  std::deque<Observation> rows_;
  std::vector<Episode> episodes_;
  std::map<int32_t, Slot> slots_;
};

// What a slot does at one step: goes on, terminates, is truncated, or begins with an unannounced
// observation.
constexpr int kKinds = 4;

TEST(EpisodeLinksTest, EveryShortHistoryOfTwoSlotsIsHeldAsTheModelHoldsIt) {
  constexpr int kSteps = 5;
  const int64_t choices = 2 * kKinds;
  int64_t histories = 1;
  for (int i = 0; i < kSteps; ++i) histories *= choices;
  for (int64_t capacity = 2; capacity <= 7; ++capacity) {
    for (int64_t history = 0; history < histories; ++history) {
      Model model(capacity, true);
      int64_t rest = history;
      for (int i = 0; i < kSteps; ++i, rest /= choices) {
        const int64_t kind = rest % kKinds;
        model.Step(rest / kKinds % 2, kind == 1, kind == 2, kind == 3);
        model.Check(model.links(), true);
        ASSERT_FALSE(HasFatalFailure()) << "capacity " << capacity << ", history " << history;
      }
    }
  }
}

// Random slots, episodes of about 20 steps, some breaks.
void StepAtRandom(Rng* rng, int slots, Model* model) {
  const double kind = rng->Uniform(0, 1);
  model->Step(static_cast<int32_t>(rng->Index(slots)),
              kind<0.03, kind> 0.03 && kind<0.06, kind> 0.98);
}

TEST(EpisodeLinksTest, LongRandomHistoriesAreHeldAsTheModelHoldsThem) {
  for (const bool index_episodes : {false, true}) {
    for (const int64_t capacity : {2, 3, 8, 31, 100, 257}) {
      Rng rng({static_cast<uint64_t>(capacity)});
      Model model(capacity, index_episodes);
      for (int i = 0; i < 1500; ++i) {
        StepAtRandom(&rng, 5, &model);
        if (i % 7 == 0) model.Check(model.links(), index_episodes);
        ASSERT_FALSE(HasFatalFailure()) << "capacity " << capacity << ", step " << i;
      }
    }
  }
}

TEST(EpisodeLinksTest, RestoredLinksHoldTheSameAndGoOnTheSame) {
  for (const int64_t capacity : {2, 8, 57}) {
    Rng rng({7, static_cast<uint64_t>(capacity)});
    Model model(capacity, true);
    for (int i = 0; i < 300; ++i) {
      StepAtRandom(&rng, 4, &model);
      EpisodeLinks restored({capacity, 8, true});
      ASSERT_TRUE(restored.Load(model.links().Save()).ok());
      model.Check(restored, true);
      ASSERT_FALSE(HasFatalFailure()) << "capacity " << capacity << ", step " << i;
      // From here on the restored links go on.
      if (i % 10 == 0) {
        ASSERT_TRUE(model.mutable_links()->Load(restored.Save()).ok());
      }
    }
  }
}

TEST(EpisodeLinksTest, AStreamTooManyBreaksTheOneThatWasSilentLongestAndLosesNoStep) {
  EpisodeLinks links({100, 2, true});
  auto step = [&links](int32_t slot, uint64_t from) {
    return links.Append({1, slot, from, from + 1, 0, false, false});
  };
  step(0, 10);
  step(1, 20);
  step(0, 11);
  step(2, 30);  // Slot 1 was silent longest.
  EXPECT_FALSE(step(0, 12).is_new);
  EXPECT_TRUE(step(1, 21).is_new);
  EXPECT_EQ(links.steps(), 6);
  EXPECT_EQ(links.LaterObservations(2), 1) << "slot 1's first episode has ended";
  EXPECT_EQ(links.LaterObservations(0), 0) << "slot 0's goes on";
}

TEST(EpisodeLinksTest, ActorsThatShareASlotNumberAreApart) {
  EpisodeLinks links({100, 4, false});
  links.Append({1, 0, 10, 11, 0, false, false});
  EXPECT_TRUE(links.Append({2, 0, 11, 12, 0, false, false}).is_new);
  EXPECT_FALSE(links.Append({1, 0, 11, 12, 0, false, false}).is_new);
}

TEST(EpisodeLinksTest, StateThatNoLinksCanHaveIsRefusedAndChangesNothing) {
  EpisodeLinks links({4, 2, true});
  links.Append({1, 0, 10, 11, 3, false, false});
  const EpisodeLinks::Saved good = links.Save();
  auto refused = [&](auto change) {
    EpisodeLinks::Saved saved = good;
    change(&saved);
    const bool refused = links.Load(saved).code() == absl::StatusCode::kInvalidArgument;
    EXPECT_EQ(links.steps(), 1);
    return refused;
  };
  using Saved = EpisodeLinks::Saved;
  EXPECT_FALSE(refused([](Saved*) {}));
  EXPECT_TRUE(refused([](Saved* saved) { saved->rows_begun = 3; }));
  EXPECT_TRUE(refused([](Saved* saved) { saved->rows_begun = -1; }));
  EXPECT_TRUE(refused([](Saved* saved) { saved->next = {0, -1}; }));
  EXPECT_TRUE(refused([](Saved* saved) { saved->next = {2, -1}; }));
  EXPECT_TRUE(refused([](Saved* saved) { saved->next = {-2, -1}; }));
  EXPECT_TRUE(refused([](Saved* saved) { saved->next = {-1, 0}; }));
  EXPECT_TRUE(refused([](Saved* saved) { saved->reward.pop_back(); }));
  EXPECT_TRUE(refused([](Saved* saved) { saved->terminated.push_back(0); }));
  EXPECT_TRUE(refused([](Saved* saved) { saved->streams[0].pending = 0; }));
  EXPECT_TRUE(refused([](Saved* saved) { saved->streams[0].pending = 2; }));
  EXPECT_TRUE(refused([](Saved* saved) { saved->streams.resize(2, saved->streams[0]); }));
  EXPECT_TRUE(refused([](Saved* saved) {
    saved->rows_begun = 3;
    saved->next = {2, 2, -1};
    saved->reward.resize(3);
    saved->terminated.resize(3);
  }));
}

TEST(EpisodeLinksTest, DigestsTellObservationsApartBitForBit) {
  EXPECT_EQ(ObservationDigest({1.0f, 2.0f}), ObservationDigest({1.0f, 2.0f}));
  EXPECT_NE(ObservationDigest({1.0f, 2.0f}), ObservationDigest({2.0f, 1.0f}));
  EXPECT_NE(ObservationDigest({1.0f, 2.0f}), ObservationDigest({1.0f, std::nextafter(2.0f, 3.0f)}));
  EXPECT_NE(ObservationDigest({0.0f}), ObservationDigest({-0.0f}));
}

}  // namespace
}  // namespace armature
