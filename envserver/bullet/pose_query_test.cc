#include "envserver/bullet/pose_query.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/random/rng.h"
#include "envserver/bullet/model_folder.h"
#include "envserver/bullet/urdf.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr double kNeutral[] = {0, 0.41, 0, -1.85, 0, 2.26, 0.79};
constexpr int kJoints = 7;

// A Panda on a table, beside a wall, below a ball that can be moved.
class PoseQueryTest : public testing::Test {
 protected:
  PoseQueryTest() : world_(WorldOptions()) {
    auto folder = FindModelFolder("franka_panda", "pybullet_data/pybullet_data/franka_panda");
    EXPECT_TRUE(folder.ok()) << folder.status();
    auto model = LoadUrdf(*folder + "/panda.urdf", {InertiaSource::kCollisionBox});
    EXPECT_TRUE(model.ok()) << model.status();
    BodyOptions fixed;
    fixed.fixed_base = true;
    fixed.name = "panda";
    arm_ = world_.AddBody(*model, fixed);
    world_.AddStaticBox(btVector3(0.6, 0.4, 0.2), btVector3(0.3, 0, -0.2), 0.5);
    wall_ = world_.AddStaticBox(btVector3(0.02, 1, 1), btVector3(0.75, 0, 0), 0.5);
    BodyOptions ball;
    ball.name = "ball";
    ball.base_pose.setOrigin(btVector3(0.5, 0, 0.5));
    world_.AddSphere(0.05, /*mass=*/1, ball);
    std::iota(dofs_.begin(), dofs_.end(), 0);
    Move(kNeutral);
  }

  // Links of the hand move with the last joint.
  int PartOf(int link) const { return std::min(link + 1, kJoints); }

  void Move(absl::Span<const double> position) {
    for (int i = 0; i < kJoints; ++i) arm_->SetJointPosition(i, position[i]);
  }

  // Pairs of links that are farther apart than `margin` now.
  std::vector<std::pair<int, int>> FreePairs(double margin) const {
    std::vector<std::pair<int, int>> pairs;
    for (int a = kBase; a < arm_->num_links(); ++a) {
      for (int b = a + 1; b < arm_->num_links(); ++b) {
        if (PartOf(b) - PartOf(a) < 2) continue;
        if (!world_.Distance(*arm_, a, *arm_, b, margin).found) pairs.emplace_back(a, b);
      }
    }
    return pairs;
  }

  // Whether the arm itself touches something where it is now.
  bool TouchesNow(const std::vector<std::pair<int, int>>& pairs, double margin) const {
    for (const auto& [a, b] : pairs) {
      if (world_.Distance(*arm_, a, *arm_, b, margin).found) return true;
    }
    for (int id = 0; id < world_.num_bodies(); ++id) {
      const Body& other = world_.body(id);
      if (other.num_velocities() > 0) continue;
      for (int link = 0; link < arm_->num_links(); ++link) {
        if (world_.Distance(*arm_, link, other, kAllLinks, margin).found) return true;
      }
    }
    return false;
  }

  BulletWorld world_;
  Body* arm_ = nullptr;
  Body* wall_ = nullptr;
  std::vector<int> dofs_ = std::vector<int>(kJoints);
};

TEST_F(PoseQueryTest, SaysAboutAPoseWhatTheWorldSaysOnceTheArmIsThere) {
  for (const double margin : {0.0, 0.03}) {
    Move(kNeutral);
    PoseQuery query(world_, arm_, dofs_, margin);
    const auto pairs = FreePairs(margin);
    Rng rng({7});
    int touching = 0, self = 0;
    for (int k = 0; k < 300; ++k) {
      std::vector<double> position;
      for (int i = 0; i < kJoints; ++i) {
        const LinkModel& joint = arm_->link_model(arm_->dof_link(i));
        position.push_back(rng.Uniform(joint.position_low, joint.position_high));
      }
      Move(kNeutral);
      const bool touches = query.Touches(position);
      Move(position);
      ASSERT_EQ(touches, TouchesNow(pairs, margin)) << "pose " << k;
      for (int link = 0; link < arm_->num_links(); ++link) {
        const btTransform expected = arm_->LinkPose(link);
        EXPECT_LT((query.pose(link).getOrigin() - expected.getOrigin()).length(), 1e-12);
        EXPECT_LT(query.pose(link).getRotation().angleShortestPath(expected.getRotation()), 1e-6);
      }
      touching += touches;
      for (const auto& [a, b] : pairs) {
        if (!world_.Distance(*arm_, a, *arm_, b, margin).found) continue;
        ++self;
        break;
      }
    }
    EXPECT_GT(touching, 50);
    EXPECT_LT(touching, 250);
    EXPECT_GT(self, 10);
  }
}

TEST_F(PoseQueryTest, KnownPosesTouchTheTableTheWallAndTheArmItself) {
  PoseQuery query(world_, arm_, dofs_, /*margin=*/0);
  EXPECT_FALSE(query.Touches(kNeutral));
  EXPECT_TRUE(query.Touches({0, 1.7, 0, -0.5, 0, 2.2, 0.79})) << "the table";
  EXPECT_TRUE(query.Touches({0, 0.9, 0, -0.5, 0, 1.4, 0.79})) << "the wall";
  EXPECT_FALSE(query.Touches({1.57, 0.9, 0, -0.5, 0, 1.4, 0.79})) << "beside the wall";
  EXPECT_TRUE(query.Touches({0, -0.4, 0, -3.05, 0, 0.1, 0.79})) << "itself";
}

TEST_F(PoseQueryTest, BodiesOfOtherGroupsAreNotTouched) {
  PoseQuery query(world_, arm_, dofs_, /*margin=*/0);
  const std::vector<double> at_wall = {0, 0.9, 0, -0.5, 0, 1.4, 0.79};
  ASSERT_TRUE(query.Touches(at_wall));
  wall_->SetCollisionFilter(/*group=*/2, /*mask=*/2);
  arm_->SetCollisionFilter(/*group=*/1, /*mask=*/1);
  EXPECT_FALSE(query.Touches(at_wall));
}

TEST_F(PoseQueryTest, ChangesNothing) {
  Rng rng({3});
  // Under a moving arm, with contacts, so that there is something to change.
  for (int t = 0; t < 100; ++t) world_.Step();
  std::string before;
  world_.SaveState(&before);
  std::string after_many_steps[2];
  for (int queries : {0, 50}) {
    ASSERT_TRUE(world_.RestoreState(before).ok());
    PoseQuery query(world_, arm_, dofs_, /*margin=*/0.01);
    for (int t = 0; t < 50; ++t) {
      for (int k = 0; k < queries; ++k) {
        std::vector<double> position;
        for (int i = 0; i < kJoints; ++i) position.push_back(rng.Uniform(-2, 2));
        query.Touches(position);
      }
      world_.Step();
    }
    world_.SaveState(&after_many_steps[queries > 0 ? 1 : 0]);
  }
  EXPECT_EQ(after_many_steps[0], after_many_steps[1]);
}

// A ball on a base of 0.2 m, which it touches if the joint turns by more than 0.74 rad.
std::shared_ptr<const BodyModel> Nodding(double limit) {
  auto model =
      ParseUrdf(absl::StrCat(R"(
<robot name="nodding">
  <link name="base"><inertial><mass value="1"/>
      <inertia ixx="0.1" ixy="0" ixz="0" iyy="0.1" iyz="0" izz="0.1"/></inertial>
    <collision><geometry><sphere radius="0.2"/></geometry></collision></link>
  <joint name="turn" type="revolute"><parent link="base"/><child link="neck"/>
    <axis xyz="0 0 1"/><limit lower="-3" upper="3" effort="1" velocity="1"/></joint>
  <link name="neck"><inertial><mass value="1"/>
      <inertia ixx="0.1" ixy="0" ixz="0" iyy="0.1" iyz="0" izz="0.1"/></inertial></link>
  <joint name="nod" type="revolute"><parent link="neck"/><child link="head"/>
    <origin xyz="0 0 0.12"/><axis xyz="0 1 0"/>
    <limit lower="-)",
                             limit, R"(" upper=")", limit, R"(" effort="1" velocity="1"/></joint>
  <link name="head"><inertial><mass value="1"/>
      <inertia ixx="0.1" ixy="0" ixz="0" iyy="0.1" iyz="0" izz="0.1"/></inertial>
    <collision><origin xyz="0 0 0.2"/><geometry><sphere radius="0.1"/></geometry></collision></link>
</robot>)"),
                "");
  EXPECT_TRUE(model.ok()) << model.status();
  return *model;
}

TEST(PoseQueryPairsTest, LinksThatTouchInMostPosesOrAtTheResetAreLeftOut) {
  for (const double limit : {1.0, 3.0}) {
    BulletWorld world((WorldOptions()));
    BodyOptions fixed;
    fixed.fixed_base = true;
    Body* body = world.AddBody(Nodding(limit), fixed);
    PoseQuery query(world, body, {0, 1}, /*margin=*/0);
    EXPECT_FALSE(query.Touches({0.3, 0.6}));
    if (limit > 2) {
      EXPECT_FALSE(query.Touches({0.3, 0.9})) << "three quarters of the poses touch";
      continue;
    }
    EXPECT_TRUE(query.Touches({0.3, 0.9})) << "a quarter of the poses touches";
    body->SetJoints({0, 0.9}, {0, 0});
    query.LeaveOutTouching();
    EXPECT_FALSE(query.Touches({0.3, 0.95}));
    body->SetJoints({0, 0}, {0, 0});
    query.LeaveOutTouching();
    EXPECT_TRUE(query.Touches({0.3, 0.9}));
  }
}

}  // namespace
}  // namespace armature
