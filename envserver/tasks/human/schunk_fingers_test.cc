#include "envserver/tasks/human/schunk_fingers.h"

#include <cmath>
#include <memory>
#include <vector>

#include "envserver/tasks/human/schunk_body.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr double kStep_s = 0.004;
constexpr double kPi = 3.14159265358979323846;
constexpr int kLeft = kSchunkJoints;  // Links and DoFs.
constexpr int kRight = kSchunkJoints + 1;

// An arm that lies on its side, so that the left finger opens downwards, its joints held by
// motors.
class SchunkFingersTest : public testing::Test {
 protected:
  SchunkFingersTest() {
    WorldOptions world;
    world.time_step_s = kStep_s;
    world_ = std::make_unique<BulletWorld>(world);
    BodyOptions options;
    options.fixed_base = true;
    options.base_pose.setRotation(btQuaternion(btVector3(1, 0, 0), kPi / 2));
    options.linear_damping = options.angular_damping = 0;
    options.effort_limits = false;
    arm_ = world_->AddBody(SchunkBody(), options);
    arm_->SetJoints(std::vector<double>(arm_->num_dofs()), std::vector<double>(arm_->num_dofs()));
    for (int i = 0; i < kSchunkJoints; ++i) {
      MotorTarget still;
      still.force_max = 1e4;
      arm_->SetMotor(i, still);
    }
  }

  // A table with its top this far under the left finger, shut; the palm is beside it.
  void AddTable(double below_m) {
    const btVector3 finger = arm_->LinkPose(kLeft).getOrigin();
    BodyOptions options;
    options.base_pose.setOrigin(finger - btVector3(0, 0, 0.0075 + below_m + 0.025));
    scene_.push_back(world_->AddBox(btVector3(1, 0.04, 0.05), 0, options));
  }

  void Begin() {
    fingers_ =
        std::make_unique<SchunkFingers>(world_.get(), arm_, scene_, /*scene_height_m=*/10, kStep_s);
  }

  void Step(double opening) {
    fingers_->Drive(opening);
    world_->Step();
    fingers_->BeginTouches();
    for (const ContactPoint& contact : world_->Contacts(*arm_)) {
      if (contact.body_b == thing_id_) fingers_->Touch(contact.link_a);
    }
  }

  double Position(int dof) const { return arm_->joint_position(dof); }

  std::unique_ptr<BulletWorld> world_;
  Body* arm_ = nullptr;
  std::vector<const Body*> scene_;
  int thing_id_ = -1;
  std::unique_ptr<SchunkFingers> fingers_;
};

TEST_F(SchunkFingersTest, OpenAndShutTogetherNoFasterThanTheyMay) {
  Begin();
  for (const double opening : {1.0, 0.0}) {
    for (int i = 0; i < 150; ++i) {
      Step(opening);
      EXPECT_LE(std::abs(arm_->joint_velocity(kLeft)), 0.081);
      EXPECT_NEAR(Position(kLeft), Position(kRight), 0.002);
    }
    EXPECT_NEAR(Position(kLeft), opening * kFingerOpen_m, 5e-4);
    EXPECT_NEAR(fingers_->opening_m(), 2 * opening * kFingerOpen_m, 1e-3);
  }
}

TEST_F(SchunkFingersTest, StandBeforeOneTouchesTheTable) {
  AddTable(0.02);
  Begin();
  for (int i = 0; i < 150; ++i) {
    Step(1);
    EXPECT_EQ(world_->Contacts(*arm_).begin(), world_->Contacts(*arm_).end());
  }
  EXPECT_NEAR(Position(kLeft), 0.017, 0.001);
  EXPECT_NEAR(Position(kRight), 0.017, 0.002);
  for (int i = 0; i < 100; ++i) Step(0);  // Away from it they go.
  EXPECT_NEAR(Position(kRight), 0, 5e-4);
}

TEST_F(SchunkFingersTest, AlongTheTableTheyGo) {
  // The finger's end, which looks sideways, is 2 mm from a wall.
  const btTransform pose = arm_->LinkPose(kRight);
  const btVector3 along = pose.getBasis().getColumn(2);
  BodyOptions options;
  options.base_pose.setOrigin(pose.getOrigin() + along * (0.026 + 0.002 + 0.025));
  options.base_pose.setRotation(pose.getRotation());
  scene_.push_back(world_->AddBox(btVector3(1, 1, 0.05), 0, options));
  Begin();
  for (int i = 0; i < 150; ++i) Step(1);
  EXPECT_NEAR(Position(kRight), kFingerOpen_m, 5e-4);
}

TEST_F(SchunkFingersTest, HoldWhatBothOfThemPress) {
  Begin();
  for (int i = 0; i < 150; ++i) Step(1);
  EXPECT_FALSE(fingers_->touch_both());
  BodyOptions options;
  options.base_pose.setOrigin(arm_->LinkPose(arm_->Link("tool")).getOrigin());
  options.friction = 1;
  Body* thing = world_->AddBox(btVector3(0.03, 0.03, 0.03), 0.064, options);
  thing_id_ = thing->id();
  const btVector3 still(0, 0, 0);
  for (int i = 0; i < 150; ++i) {
    // Held until the fingers are there.
    if (i < 100) thing->SetBasePose(options.base_pose);
    if (i < 100) thing->SetBaseVelocity(still, still);
    Step(0);
  }
  EXPECT_TRUE(fingers_->touch_both());
  EXPECT_TRUE(fingers_->holds());
  EXPECT_NEAR(fingers_->opening_m(), 0.03, 0.002);
  EXPECT_LT((thing->LinkPose(kBase).getOrigin() - options.base_pose.getOrigin()).length(), 0.003);
  Step(1);
  EXPECT_FALSE(fingers_->holds());
  fingers_->Reset();
  EXPECT_FALSE(fingers_->touch_both());
}

}  // namespace
}  // namespace armature
