// What raisimGym's example says of its environment, seen through the registry.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "common/random/rng.h"
#include "envserver/tasks/anymal/anymal_mirror.h"
#include "envserver/tasks/anymal/testing/anymal_env.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::FloatNear;
using ::testing::Pointwise;

constexpr int kJoints = 12;
const std::vector<float> kNoAction(kJoints, 0);

class AnymalTest : public testing::TestWithParam<std::string> {
 protected:
  AnymalEnv Make() { return AnymalEnv("anymal", {{"robot", GetParam()}}); }
  double nominal_height() { return GetParam() == "c" ? 0.55 : 0.5; }
};

INSTANTIATE_TEST_SUITE_P(Robots, AnymalTest, testing::Values("b", "c"),
                         [](const auto& name) { return name.param; });

// Without gravity, high above the floor, nothing but the joints' control acts.
AnymalState Floating() {
  AnymalState state;
  state.base.setOrigin(btVector3(0, 0, 3));
  state.angles = {0.03, 0.4, -0.8, -0.03, 0.4, -0.8, 0.03, -0.4, 0.8, -0.03, -0.4, 0.8};
  state.velocities.assign(kJoints, 0);
  return state;
}

TEST_P(AnymalTest, ObservationHas34NumbersAndBeginsInTheNominalPose) {
  AnymalEnv env = Make();
  EXPECT_EQ(env.All().size(), 34u);
  EXPECT_THAT(env.Field("base_height"), ElementsAre(FloatEq(nominal_height())));
  EXPECT_THAT(env.Field("up"), ElementsAre(FloatNear(0, 1e-9), FloatNear(0, 1e-9), 1));
  EXPECT_THAT(env.Field("joint_angles"),
              ElementsAre(FloatEq(0.03), FloatEq(0.4), FloatEq(-0.8), FloatEq(-0.03), FloatEq(0.4),
                          FloatEq(-0.8), FloatEq(0.03), FloatEq(-0.4), FloatEq(0.8), FloatEq(-0.03),
                          FloatEq(-0.4), FloatEq(0.8)));
  for (const char* field : {"linear_velocity", "angular_velocity", "joint_velocities"}) {
    EXPECT_THAT(env.Field(field), Each(0.0f));
  }
}

// No leg begins in the floor, and none far above it.
TEST_P(AnymalTest, BeginsWithItsFeetOnTheFloor) {
  AnymalEnv env = Make();
  const Body& floor = *env.world().FindBody("plane");
  for (const char* foot : {"LF_FOOT", "RF_FOOT", "LH_FOOT", "RH_FOOT"}) {
    const ClosestPoints gap =
        env.world().Distance(env.robot(), env.robot().Link(foot), floor, kBase, 1);
    ASSERT_TRUE(gap.found);
    EXPECT_NEAR(gap.distance, 0, 0.01) << foot;
  }
}

TEST_P(AnymalTest, StartNoiseTurnsTheJointsAndKeepsTheFeetOutOfTheFloor) {
  constexpr double kNoise = 0.3;
  AnymalEnv env = Make();
  const std::vector<float> nominal = env.Field("joint_angles");
  const Body& floor = *env.world().FindBody("plane");
  std::vector<std::vector<float>> starts;
  for (int seed = 0; seed < 20; ++seed) {
    env.Reset(seed, kNoise);
    starts.push_back(env.Field("joint_angles"));
    EXPECT_THAT(starts.back(), Pointwise(FloatNear(kNoise + 1e-6), nominal));
    for (const char* foot : {"LF_FOOT", "RF_FOOT", "LH_FOOT", "RH_FOOT"}) {
      const ClosestPoints gap =
          env.world().Distance(env.robot(), env.robot().Link(foot), floor, kBase, 1);
      ASSERT_TRUE(gap.found);
      EXPECT_GT(gap.distance, -0.01) << foot << seed;
    }
  }
  for (int joint = 0; joint < kJoints; ++joint) {
    EXPECT_NE(starts[0][joint], starts[1][joint]) << joint;
  }
  env.Reset(3, kNoise);
  EXPECT_EQ(env.Field("joint_angles"), starts[3]);
  env.Reset(3, 0);
  EXPECT_EQ(env.Field("joint_angles"), nominal);
}

TEST_P(AnymalTest, StandsForTheWholeEpisodeWithoutAnAction) {
  AnymalEnv env = Make();
  EXPECT_EQ(env.env().spec().horizon, 400);  // 4 s of 0.01 s.
  for (int step = 0; step < env.env().spec().horizon; ++step) {
    ASSERT_FALSE(env.Step(kNoAction).terminated) << step;
  }
  EXPECT_GT(env.Field("base_height")[0], 0.8 * nominal_height());
  EXPECT_GT(env.Field("up")[2], 0.98);
  EXPECT_LT(env.Metric("reward/torque"), 0);  // It carries its weight.
  EXPECT_NEAR(env.Metric("reward/forward_velocity"), 0, 0.02);
}

TEST_P(AnymalTest, EndsWithMinusTenWhenTheBodyTouchesTheFloor) {
  AnymalEnv env = Make();
  std::vector<float> fold = kNoAction;  // Thighs up: the robot sits down.
  for (int hfe : {1, 4}) fold[hfe] = 5;
  for (int hfe : {7, 10}) fold[hfe] = -5;
  for (int step = 0; step < env.env().spec().horizon; ++step) {
    const StepResult result = env.Step(fold);
    if (!result.terminated) continue;
    EXPECT_EQ(env.Metric("terminated/fell"), 1);
    EXPECT_NEAR(result.reward,
                env.Metric("reward/forward_velocity") + env.Metric("reward/torque") - 10, 1e-4);
    return;
  }
  ADD_FAILURE() << "it stood";
}

// ANYmal B's knees belong to its thighs, so on level ground its shanks touch with their feet only.
TEST(AnymalCTest, KneelingOnShanksEndsNothing) {
  AnymalEnv env("anymal", {{"robot", "c"}});
  const Body& floor = *env.world().FindBody("plane");
  AnymalState kneeling = Floating();
  std::vector<float> hold(kJoints, 0);
  for (int leg = 0; leg < 4; ++leg) {
    const int knee = 3 * leg + 2;
    const double fold = leg < 2 ? -1.2 : 1.2;  // Shanks are level then.
    kneeling.angles[knee] += fold;
    hold[knee] = static_cast<float>(fold / 0.3);
  }
  double height = 0.5;
  do {
    height -= 0.001;
    kneeling.base.setOrigin(btVector3(0, 0, height));
    env.SetState(kneeling);
  } while (!env.world().Distance(env.robot(), kAllLinks, floor, kBase, 0.002).found);
  bool shank_touched = false;
  for (int step = 0; step < 5; ++step) {
    ASSERT_FALSE(env.Step(hold).terminated) << step;
    for (const ContactPoint& contact : env.world().Contacts(env.robot())) {
      const std::string& name = env.robot().link_model(contact.link_a).name;
      shank_touched = shank_touched || name.find("_SHANK") != std::string::npos ||
                      name.find("_shank") != std::string::npos;
    }
  }
  EXPECT_TRUE(shank_touched);
}

TEST_P(AnymalTest, EachJointGoesWhereItsActionPointsTo) {
  AnymalEnv env = Make();
  env.world().SetGravity(btVector3(0, 0, 0));
  const std::vector<float> nominal = env.Field("joint_angles");
  for (int joint = 0; joint < kJoints; ++joint) {
    std::vector<float> action = kNoAction;
    action[joint] = 1;
    env.SetState(Floating());
    for (int step = 0; step < 5; ++step) env.Step(action);
    EXPECT_GT(env.Field("joint_angles")[joint] - nominal[joint], 0.03) << joint;
  }
}

TEST_P(AnymalTest, RewardIsThreeTenthsOfTheForwardVelocityUpTo4) {
  AnymalEnv env = Make();
  env.world().SetGravity(btVector3(0, 0, 0));
  for (const double velocity : {-2.0, 1.0, 4.0, 6.0}) {
    AnymalState state = Floating();
    state.base.setRotation(btQuaternion(btVector3(0, 0, 1), M_PI / 2));  // Forward is +y.
    state.linear = btVector3(0.7, velocity, 0.2);
    env.SetState(state);
    EXPECT_NEAR(env.Step(kNoAction).reward, 0.3 * std::min(4.0, velocity), 1e-4);
    EXPECT_NEAR(env.Field("linear_velocity")[0], velocity, 1e-4);
    EXPECT_NEAR(env.Field("linear_velocity")[1], -0.7, 1e-4);
  }
}

TEST_P(AnymalTest, RewardCountsEachTorqueUpToTheUrdfs80) {
  AnymalEnv env = Make();
  env.world().SetGravity(btVector3(0, 0, 0));
  env.SetState(Floating());
  // The error of 3 rad asks for 150 N.m in each joint.
  std::vector<float> action(kJoints);
  for (int i = 0; i < kJoints; ++i) action[i] = i % 2 == 0 ? 10 : -10;
  env.Step(action);
  EXPECT_NEAR(env.Metric("reward/torque"), -4e-5 * kJoints * 80 * 80, 1e-4);
}

TEST(AnymalMirrorTest, AppliedTwiceItChangesNothing) {
  for (const SignedPermutation& mirror : {MirrorAction(), MirrorObservation()}) {
    std::vector<double> original;
    for (size_t i = 0; i < mirror.source.size(); ++i)
      original.push_back(static_cast<double>(i) + 1);
    EXPECT_EQ(Mirrored(mirror, Mirrored(mirror, original)), original);
    EXPECT_NE(Mirrored(mirror, original), original);
  }
}

TEST(AnymalMirrorTest, IsWhatTheTaskDeclares) {
  const MirrorSpec declared = AnymalEnv("anymal").env().spec().mirror.value();
  EXPECT_THAT(declared.observation.source, testing::ElementsAreArray(MirrorObservation().source));
  EXPECT_THAT(declared.observation.sign, testing::ElementsAreArray(MirrorObservation().sign));
  EXPECT_THAT(declared.action.source, testing::ElementsAreArray(MirrorAction().source));
}

// A random state in the air, or on the floor.
AnymalState RandomState(double height, double spread, Rng& rng) {
  AnymalState state = Floating();
  const auto random = [&] { return spread * rng.Uniform(-1, 1); };
  state.base.setOrigin(btVector3(random(), random(), height));
  state.base.setRotation(btQuaternion(random(), random() / 3, random() / 3));
  state.linear = btVector3(random(), random(), random());
  state.angular = btVector3(random(), random(), random());
  for (double& angle : state.angles) angle += random();
  for (double& velocity : state.velocities) velocity = random();
  return state;
}

// How far the mirrored step of a mirrored state is from the mirrored observation, at most.
double Asymmetry(AnymalEnv& env, const AnymalState& state, const std::vector<float>& action,
                 int steps) {
  env.Reset();
  env.SetState(state);
  for (int i = 0; i < steps; ++i) env.Step(action);
  const std::vector<float> expected = Mirrored(MirrorObservation(), env.All());
  env.Reset();
  env.SetState(MirrorState(state));
  for (int i = 0; i < steps; ++i) env.Step(Mirrored(MirrorAction(), action));
  const std::vector<float> got = env.All();
  double worst = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    worst = std::max<double>(worst, std::abs(got[i] - expected[i]));
  }
  return worst;
}

// The models are not quite symmetric: their bases' centres of mass are beside the middle.
TEST_P(AnymalTest, AMirroredStateAndActionGiveTheMirroredStep) {
  AnymalEnv env = Make();
  Rng rng({1});
  double worst_in_air = 0, worst_on_floor = 0, unmirrored = 1e9;
  for (int trial = 0; trial < 20; ++trial) {
    std::vector<float> action(kJoints);
    for (float& a : action) a = static_cast<float>(rng.Uniform(-1, 1));
    const AnymalState in_air = RandomState(/*height=*/2, /*spread=*/0.5, rng);
    worst_in_air = std::max(worst_in_air, Asymmetry(env, in_air, action, 1));
    const AnymalState on_floor = RandomState(nominal_height() - 0.002, /*spread=*/0.02, rng);
    worst_on_floor = std::max(worst_on_floor, Asymmetry(env, on_floor, action, 1));
    // Without the mirror the same comparison is far off.
    env.Reset();
    env.SetState(in_air);
    env.Step(action);
    const std::vector<float> all = env.All(), mirrored = Mirrored(MirrorObservation(), all);
    double difference = 0;
    for (size_t i = 0; i < all.size(); ++i) {
      difference = std::max<double>(difference, std::abs(all[i] - mirrored[i]));
    }
    unmirrored = std::min(unmirrored, difference);
  }
  EXPECT_LT(worst_in_air, 0.05);  // rad/s, of joints that turn with up to 10 rad/s.
  EXPECT_LT(worst_on_floor, 0.05);
  EXPECT_GT(unmirrored, 1);
}

// Flies forward, without gravity and high above the floor.
bool SucceedsAt(double speed, const EnvConfig& config) {
  AnymalEnv env("anymal", config);
  env.Reset();
  env.world().SetGravity(btVector3(0, 0, 0));
  AnymalState state = Floating();
  state.linear = btVector3(speed, 0, 0);
  env.SetState(state);
  for (int step = 1; step < 400; ++step) EXPECT_FALSE(env.Step(kNoAction).is_success) << step;
  return env.Step(kNoAction).is_success;
}

TEST(AnymalSuccessTest, IsAWholeEpisodeAtTheSpeedOrFaster) {
  EXPECT_TRUE(SucceedsAt(1.01, {}));
  EXPECT_FALSE(SucceedsAt(0.99, {}));
  EXPECT_FALSE(SucceedsAt(-1.01, {}));
  EXPECT_TRUE(SucceedsAt(0.51, {{"success_speed", "0.5"}}));
}

TEST(AnymalKeysTest, AnUnknownRobotIsRefusedByName) {
  EXPECT_THAT(Refusal("anymal", {{"robot", "d"}}), testing::HasSubstr("robot"));
}

}  // namespace
}  // namespace armature
