#include "envserver/tasks/panda/panda_task.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "common/random/rng.h"
#include "envserver/kit/task_env.h"
#include "envserver/tasks/panda/golden_reach.h"
#include "envserver/tasks/panda/panda_tasks.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

// A Reach environment and memory for its observation.
class ReachTest : public testing::Test {
 protected:
  void SetUp() override {
    auto model = LoadPandaModel();
    ASSERT_TRUE(model.ok()) << model.status();
    model_ = *model;
    Make(PandaConfig{});
  }

  void Make(const PandaConfig& config) {
    EnvRegistry registry;
    ASSERT_TRUE(RegisterPandaReach(registry).ok());
    auto made = registry.Make(
        "panda_reach", {{"control_type", config.control_type},
                        {"reward_type", config.reward_type},
                        {"terminate_on_success", config.terminate_on_success ? "true" : "false"}});
    ASSERT_TRUE(made.ok()) << made.status();
    env_.reset(static_cast<TaskEnv*>(made->release()));
  }

  static absl::Span<uint8_t> Bytes(std::vector<float>& values) {
    return absl::MakeSpan(reinterpret_cast<uint8_t*>(values.data()), values.size() * 4);
  }

  PandaArm& arm() { return static_cast<PandaTask&>(env_->task()).panda(); }
  StepResult Step(const std::vector<float>& action) { return env_->Step(action, observation_); }

  using Policy = std::function<std::vector<float>(int step)>;

  // Returns the largest distance of the end effector from a golden trajectory, m, over the first
  // `steps` steps.
  template <size_t kSteps>
  double Deviation(const double (&golden)[kSteps][6], size_t steps, const Policy& policy) {
    env_->Reset(0, observation_);
    double worst = 0;
    for (size_t t = 0; t < steps; ++t) {
      Step(policy(static_cast<int>(t)));
      const btVector3 expected(golden[t][0], golden[t][1], golden[t][2]);
      worst = std::max<double>(worst, (arm().ee_position() - expected).length());
      for (int i = 0; i < 3; ++i) {
        EXPECT_FLOAT_EQ(robot_[i], arm().ee_position()[i]);
        EXPECT_FLOAT_EQ(robot_[3 + i], arm().ee_velocity()[i]);
      }
    }
    return worst;
  }

  struct Statistics {
    double mean_return = 0;
    double success_rate = 0;
    double mean_length = 0;
  };
  Statistics Run(int episodes, const Policy& policy) {
    Statistics statistics;
    for (int episode = 0; episode < episodes; ++episode) {
      env_->Reset(episode, observation_);
      for (int t = 0; t < env_->spec().horizon; ++t) {
        const StepResult step = Step(policy(t));
        statistics.mean_return += step.reward / episodes;
        statistics.mean_length += 1.0 / episodes;
        if (step.terminated) {
          statistics.success_rate += 1.0 / episodes;
          break;
        }
      }
    }
    return statistics;
  }

  // Returns all observations and rewards of an episode of random actions.
  static std::vector<float> Record(Env& env, uint64_t seed) {
    std::vector<float> robot(6), achieved(3), desired(3), record;
    Observation observation({Bytes(robot), Bytes(achieved), Bytes(desired)});
    env.Reset(seed, observation);
    Rng rng({seed, 1});
    for (int t = 0; t < env.spec().horizon; ++t) {
      std::vector<float> action(env.spec().action.size());
      for (float& a : action) a = static_cast<float>(rng.Uniform(-1, 1));
      action[2] -= 0.5f;  // Down, onto the table.
      record.insert(record.end(), robot.begin(), robot.end());
      record.insert(record.end(), desired.begin(), desired.end());
      record.push_back(env.Step(action, observation).reward);
    }
    return record;
  }

  static std::vector<float> Swinging(int step, int size) {
    std::vector<float> action(size);
    for (int i = 0; i < size; ++i) {
      action[i] = static_cast<float>(std::sin(0.7 * (i + 1) * step + i));
    }
    return action;
  }

  std::shared_ptr<const BodyModel> model_;
  std::unique_ptr<TaskEnv> env_;
  std::vector<float> robot_ = std::vector<float>(6);
  std::vector<float> achieved_ = std::vector<float>(3);
  std::vector<float> desired_ = std::vector<float>(3);
  Observation observation_{{Bytes(robot_), Bytes(achieved_), Bytes(desired_)}};
};

TEST_F(ReachTest, InertiasAreUpstreams) {
  for (int link = 0; link < 12; ++link) {
    const btVector3& inertia = model_->links[link].inertia_diagonal;
    for (int i = 0; i < 3; ++i) {
      EXPECT_NEAR(inertia[i], kInertia[link][i], 1e-10) << "link " << model_->links[link].name;
    }
  }
}

TEST_F(ReachTest, FirstInverseKinematicsTargetIsUpstreams) {
  env_->Reset(0, observation_);
  Step({1, 0, 0});
  for (int i = 0; i < 7; ++i) EXPECT_NEAR(arm().joint_targets()[i], kFirstTarget[i], 1e-6);
}

TEST_F(ReachTest, FreeMotionIsUpstreamsToTheMicrometre) {
  EXPECT_LT(Deviation(kEeForward, 50, [](int) { return std::vector<float>{1, 0, 0}; }), 1e-6);
  EXPECT_LT(Deviation(kEeSwinging, 9, [](int t) { return Swinging(t, 3); }), 1e-6);
  for (int i = 0; i < 3; ++i) {
    EXPECT_NEAR(arm().ee_velocity()[i], kEeSwinging[8][3 + i], 1e-5);
  }
}

TEST_F(ReachTest, FreeMotionInJointsModeIsUpstreamsToTheMicrometre) {
  PandaConfig config;
  config.control_type = "joints";
  Make(config);
  EXPECT_LT(Deviation(kJointsSwinging, 15, [](int t) { return Swinging(t, 7); }), 1e-6);
}

// Contacts amplify differences in the last bit, so not up to the end of the episode.
TEST_F(ReachTest, MotionThatTouchesTheTableIsUpstreamsToTheMillimetre) {
  EXPECT_LT(Deviation(kEeSwinging, 40, [](int t) { return Swinging(t, 3); }), 1e-3);
  EXPECT_LT(Deviation(kEeIntoTable, 40,
                      [](int) {
                        return std::vector<float>{0.1, 0.2, -1};
                      }),
            1e-3);
  PandaConfig config;
  config.control_type = "joints";
  Make(config);
  EXPECT_LT(Deviation(kJointsSwinging, 40, [](int t) { return Swinging(t, 7); }), 1e-3);
  EXPECT_LT(Deviation(kJointsToLimits, 50,
                      [](int) { return std::vector<float>{0.2, 0.9, 0, 1, 0, -1, 0.5}; }),
            1e-3);
}

TEST_F(ReachTest, RandomActionsScoreAsUpstream) {
  PandaConfig config;
  config.reward_type = "dense";
  Make(config);
  Rng rng({5});
  const Statistics statistics = Run(300, [&](int) {
    std::vector<float> action(3);
    for (float& a : action) a = static_cast<float>(rng.Uniform(-1, 1));
    return action;
  });
  // Three standard errors of 300 episodes.
  EXPECT_NEAR(statistics.mean_return, kRandomReturn, 0.85);
  EXPECT_NEAR(statistics.success_rate, kRandomSuccessRate, 0.063);
}

TEST_F(ReachTest, GoingStraightToTheGoalScoresAsUpstream) {
  PandaConfig config;
  config.reward_type = "dense";
  Make(config);
  const Statistics statistics = Run(100, [&](int) {
    std::vector<float> action(3);
    for (int i = 0; i < 3; ++i) {
      action[i] = std::clamp((desired_[i] - achieved_[i]) / 0.05f, -1.0f, 1.0f);
    }
    return action;
  });
  EXPECT_NEAR(statistics.mean_return, kStraightReturn, 0.03);
  EXPECT_NEAR(statistics.mean_length, 2.9, 0.3);
  EXPECT_DOUBLE_EQ(statistics.success_rate, 1);
}

TEST_F(ReachTest, ResetForgetsContactsToTheLastBit) {
  for (const char* control_type : {"ee", "joints"}) {
    PandaConfig config;
    config.control_type = control_type;
    config.terminate_on_success = false;
    Make(config);
    const std::vector<float> fresh = Record(*env_, 1);
    for (uint64_t other = 2; other < 6; ++other) {
      EXPECT_NE(Record(*env_, other), fresh);
      EXPECT_EQ(Record(*env_, 1), fresh) << control_type << " after an episode of seed " << other;
    }
  }
}

TEST_F(ReachTest, SparseRewardIsZeroOnlyWithinTheThreshold) {
  const std::vector<float> achieved = {0, 0, 0, 0.049f, 0, 0, 0, 0.051f, 0};
  const std::vector<float> desired(9, 0.0f);
  std::vector<float> reward(3);
  std::vector<uint8_t> terminated(3);
  ASSERT_TRUE(env_->ComputeReward({achieved, desired, {}}, absl::MakeSpan(reward),
                                  absl::MakeSpan(terminated))
                  .ok());
  EXPECT_EQ(reward, (std::vector<float>{0, 0, -1}));
  EXPECT_EQ(terminated, (std::vector<uint8_t>{1, 1, 0}));
  PandaConfig config;
  config.terminate_on_success = false;
  Make(config);
  ASSERT_TRUE(env_->ComputeReward({achieved, desired, {}}, absl::MakeSpan(reward),
                                  absl::MakeSpan(terminated))
                  .ok());
  EXPECT_EQ(terminated, (std::vector<uint8_t>{0, 0, 0}));
}

}  // namespace
}  // namespace armature
