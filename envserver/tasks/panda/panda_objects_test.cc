// The tasks with objects beside panda-gym's: the same starts and actions give the same trajectories
// (golden_objects.py), until contacts have amplified differences in the last bits.
#include "envserver/tasks/panda/panda_objects.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "common/random/rng.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/env/env_registry.h"
#include "envserver/tasks/panda/panda_tasks.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

class Numbers {
 public:
  explicit Numbers(const std::string& task) {
    std::ifstream file("envserver/tasks/panda/testdata/" + task + ".f32", std::ios::binary);
    float value;
    while (file.read(reinterpret_cast<char*>(&value), sizeof(value))) values_.push_back(value);
  }
  absl::Span<const float> Take(size_t count) {
    const absl::Span<const float> taken = absl::MakeConstSpan(values_).subspan(at_, count);
    at_ += count;
    return taken;
  }
  bool is_at_end() const { return at_ == values_.size(); }

 private:
  std::vector<float> values_;
  size_t at_ = 0;
};

std::unique_ptr<Env> Make(const std::string& task, const EnvConfig& config) {
  EnvRegistry registry;
  EXPECT_TRUE(RegisterPandaTasks(registry).ok());
  auto made = registry.Make("panda_" + task, config);
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

// An environment with memory for its observation.
struct Memory {
  explicit Memory(const EnvSpec& spec) {
    for (const FieldSpec& field : spec.observation) fields.emplace_back(field.size());
    std::vector<absl::Span<uint8_t>> spans;
    for (std::vector<float>& field : fields) {
      spans.push_back(absl::MakeSpan(reinterpret_cast<uint8_t*>(field.data()), 4 * field.size()));
    }
    observation = std::make_unique<Observation>(std::move(spans));
  }
  std::vector<std::vector<float>> fields;  // observation, achieved_goal, desired_goal
  std::unique_ptr<Observation> observation;
};

double Distance(absl::Span<const float> a, absl::Span<const float> b) {
  double squares = 0;
  for (size_t i = 0; i < a.size(); ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(squares);
}

double Median(std::vector<double> values) {
  EXPECT_FALSE(values.empty());
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct GoldenTask {
  std::string name;
  std::vector<std::string> objects;
  int robot_size;  // Elements of the observation before the objects'.
};

// How far ours is from upstream, m.
struct Deviations {
  // While the hand is above all things and no object has moved.
  double quiet_ee = 0;
  double quiet_object = 0;
  // Of the first object, in the three steps after it first moves.
  std::vector<double> touched;
  // How far the first object has moved by the end of each episode.
  std::vector<double> moved_upstream;
  std::vector<double> moved_ours;
};

class PandaObjectsTest : public testing::TestWithParam<GoldenTask> {
 protected:
  void SetUp() override {
    env_ = Make(GetParam().name, {{"reward_type", "dense"}, {"terminate_on_success", "false"}});
    memory_ = std::make_unique<Memory>(env_->spec());
    numbers_ = std::make_unique<Numbers>(GetParam().name);
    const absl::Span<const float> head = numbers_->Take(5);
    episodes_ = static_cast<int>(head[0]);
    steps_ = static_cast<int>(head[1]);
    ASSERT_EQ(env_->spec().action.size(), head[2]);
    ASSERT_EQ(memory_->fields[0].size(), head[3]);
    ASSERT_EQ(memory_->fields[1].size(), head[4]);
  }

  absl::Span<const float> ObjectOf(absl::Span<const float> observation) const {
    return observation.subspan(GetParam().robot_size, 3);
  }

  void Replay(int episode, Deviations* deviations) {
    env_->Reset(episode, *memory_->observation);
    std::vector<float> start;
    for (const std::string& object : GetParam().objects) {
      const absl::Span<const float> place = numbers_->Take(3);
      PlaceObject(ToPoint(place), env_->world()->FindBody(object));
      if (start.empty()) start.assign(place.begin(), place.end());
    }
    const absl::Span<const float> goal = numbers_->Take(memory_->fields[2].size());
    bool is_quiet = true;
    int steps_since_touch = 0;
    for (int t = 0; t < steps_; ++t) {
      env_->Step(numbers_->Take(env_->spec().action.size()), *memory_->observation);
      const absl::Span<const float> upstream = numbers_->Take(memory_->fields[0].size());
      const absl::Span<const float> ours = memory_->fields[0];
      const absl::Span<const float> achieved = numbers_->Take(goal.size());
      ExpectReward(achieved, goal, numbers_->Take(1)[0]);
      const double ee = Distance(ours.subspan(0, 3), upstream.subspan(0, 3));
      const double object = Distance(ObjectOf(ours), ObjectOf(upstream));
      const double moved = Distance(ObjectOf(upstream), start);
      is_quiet = is_quiet && upstream[2] > kClear && moved < kStill;
      if (is_quiet) {
        deviations->quiet_ee = std::max(deviations->quiet_ee, ee);
        deviations->quiet_object = std::max(deviations->quiet_object, object);
      }
      if (moved > kMoved && ++steps_since_touch <= 3) deviations->touched.push_back(object);
      if (t + 1 < steps_) continue;
      deviations->moved_upstream.push_back(moved);
      deviations->moved_ours.push_back(Distance(ObjectOf(ours), start));
    }
  }

  void ExpectReward(absl::Span<const float> achieved, absl::Span<const float> goal,
                    float expected) {
    float reward;
    uint8_t terminated;
    ASSERT_TRUE(env_->ComputeReward({achieved, goal, {}}, absl::MakeSpan(&reward, 1),
                                    absl::MakeSpan(&terminated, 1))
                    .ok());
    EXPECT_NEAR(reward, expected, 1e-5);
  }

  static constexpr double kClear = 0.09;  // m; the fingers, or a cube below them, touch nothing.
  static constexpr double kStill = 1e-4;  // m
  static constexpr double kMoved = 1e-3;  // m

  std::unique_ptr<Env> env_;
  std::unique_ptr<Memory> memory_;
  std::unique_ptr<Numbers> numbers_;
  int episodes_ = 0;
  int steps_ = 0;
};

double Sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

TEST_P(PandaObjectsTest, TrajectoriesAreUpstreamsUntilContactsAmplifyTheLastBits) {
  Deviations deviations;
  for (int episode = 0; episode < episodes_; ++episode) Replay(episode, &deviations);
  EXPECT_TRUE(numbers_->is_at_end());
  // Upstream's solver stops at a residual of some micrometres.
  EXPECT_LT(deviations.quiet_ee, 2e-5);
  // Cubes creep by about a micrometre a step, in a direction that depends on the order of rows.
  EXPECT_LT(deviations.quiet_object, 1.5e-4);
  EXPECT_GE(deviations.touched.size(), 24);
  EXPECT_LT(Median(deviations.touched), 1e-3);
  EXPECT_NEAR(Sum(deviations.moved_ours), Sum(deviations.moved_upstream),
              0.4 * Sum(deviations.moved_upstream));
}

// Of random actions in panda-gym, with our starts (golden_objects.py): dense reward, ending at
// success.
struct Score {
  std::string task;
  double mean_return;
  double error;    // Standard error of the mean return.
  double reached;  // Share of episodes that reach the goal.
  EnvConfig config = {};
};

class PandaScoreTest : public testing::TestWithParam<Score> {};

TEST_P(PandaScoreTest, RandomActionsScoreAsUpstream) {
  EnvConfig config = GetParam().config;
  config["reward_type"] = "dense";
  const auto env = Make(GetParam().task, config);
  Memory memory(env->spec());
  constexpr int kEpisodes = 60;
  std::vector<double> returns;
  double reached = 0;
  std::vector<float> action(env->spec().action.size());
  for (int episode = 0; episode < kEpisodes; ++episode) {
    env->Reset(episode, *memory.observation);
    Rng rng({3, static_cast<uint64_t>(episode)});
    returns.push_back(0);
    for (int t = 0; t < env->spec().horizon; ++t) {
      for (float& a : action) a = static_cast<float>(rng.Uniform(-1, 1));
      const StepResult step = env->Step(action, *memory.observation);
      returns.back() += step.reward;
      if (!step.terminated) continue;
      reached += 1.0 / kEpisodes;
      break;
    }
  }
  const double mean = Sum(returns) / kEpisodes;
  double variance = 0;
  for (double value : returns) variance += (value - mean) * (value - mean) / kEpisodes;
  const double error = std::hypot(GetParam().error, std::sqrt(variance / kEpisodes));
  EXPECT_NEAR(mean, GetParam().mean_return, 3 * error);
  const double p = GetParam().reached;
  EXPECT_NEAR(reached, p, 3 * std::sqrt(p * (1 - p) / kEpisodes) + 0.015);
}

INSTANTIATE_TEST_SUITE_P(
    Tasks, PandaScoreTest,
    testing::Values(Score{"push", -8.24, 0.24, 0.083}, Score{"slide", -22.32, 0.46, 0.007},
                    Score{"slide", -23.53, 0.47, 0.003, {{"start", "dropped"}}},
                    Score{"pick_and_place", -9.75, 0.28, 0.050},
                    Score{"stack", -29.78, 0.74, 0.013},
                    Score{"stack", -29.24, 0.80, 0.033, {{"start", "dropped"}}},
                    Score{"flip", -37.60, 0.74, 0.053}),
    [](const auto& info) {
      return info.param.task + (info.param.config.empty() ? "" : "_dropped");
    });

INSTANTIATE_TEST_SUITE_P(Tasks, PandaObjectsTest,
                         testing::Values(GoldenTask{"push", {"object"}, 6},
                                         GoldenTask{"slide", {"object"}, 6},
                                         GoldenTask{"pick_and_place", {"object"}, 7},
                                         GoldenTask{"stack", {"object1", "object2"}, 7},
                                         GoldenTask{"flip", {"object"}, 7}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace armature
