// A body that steps without Bullet moves as one that Bullet steps.

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "common/random/rng.h"
#include "envserver/bullet/body.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/bullet/model_folder.h"
#include "envserver/bullet/testing/robots.h"
#include "envserver/bullet/urdf.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

std::shared_ptr<const BodyModel> Panda() {
  const auto folder = FindModelFolder("franka_panda", "pybullet_data/pybullet_data/franka_panda");
  EXPECT_TRUE(folder.ok()) << folder.status();
  auto model = LoadUrdf(*folder + "/panda.urdf", {InertiaSource::kCollisionBox});
  EXPECT_TRUE(model.ok()) << model.status();
  return *model;
}

// The test arm with damping, friction and limits at its joints.
std::shared_ptr<const BodyModel> StiffArm() {
  auto model = std::make_shared<BodyModel>(*TestArm());
  for (LinkModel& link : model->links) {
    link.damping = 0.3;
    link.friction = 0.2;
    link.has_limits = true;
    link.position_low = -0.4;
    link.position_high = 0.5;
  }
  return model;
}

// One arm in a world of its own, which Bullet steps or not.
class Arm {
 public:
  Arm(std::shared_ptr<const BodyModel> model, bool by_bullet, bool with_table = false)
      : world_(Options()) {
    BodyOptions options;
    options.fixed_base = true;
    options.effort_limits = false;
    options.mimic_joints = false;
    options.always_bullet = by_bullet;
    options.base_pose = btTransform(btQuaternion(btVector3(0, 0, 1), 0.4), btVector3(-0.6, 0.1, 0));
    body_ = world_.AddBody(std::move(model), options);
    if (with_table) world_.AddStaticBox(btVector3(2, 2, 0.2), btVector3(0, 0, -0.2), 0.5);
  }

  void SetMotors(const std::vector<double>& position, double kd, double force_max) {
    for (int dof = 0; dof < body_->num_dofs(); ++dof) {
      MotorTarget target;
      target.position = position[dof];
      target.kp = 0.1;
      target.kd = kd;
      target.force_max = force_max;
      body_->SetMotor(dof, target);
    }
  }

  static double Difference(const Arm& a, const Arm& b) {
    double worst = 0;
    for (int dof = 0; dof < a.body_->num_dofs(); ++dof) {
      worst =
          std::max({worst, std::abs(a.body_->joint_position(dof) - b.body_->joint_position(dof)),
                    std::abs(a.body_->joint_velocity(dof) - b.body_->joint_velocity(dof)),
                    std::abs(a.body_->MotorForce(dof) - b.body_->MotorForce(dof)) * 1e-3});
    }
    for (int link = 0; link < a.body_->num_links(); ++link) {
      worst = std::max(
          {worst,
           (a.body_->LaggedLinkPose(link).getOrigin() - b.body_->LaggedLinkPose(link).getOrigin())
               .length(),
           (a.body_->LaggedLinkVelocity(link) - b.body_->LaggedLinkVelocity(link)).length()});
    }
    return worst;
  }

  Body& body() { return *body_; }
  BulletWorld& world() { return world_; }

 private:
  static WorldOptions Options() {
    WorldOptions options;
    options.time_step_s = 0.002;
    return options;
  }
  BulletWorld world_;
  Body* body_;
};

std::vector<double> Draw(Rng& rng, int size, double bound) {
  std::vector<double> values(size);
  for (double& value : values) value = rng.Uniform(-bound, bound);
  return values;
}

struct Case {
  const char* name;
  std::shared_ptr<const BodyModel> (*model)();
  double kd;
  double force_max;  // Small ones saturate.
};

class BodyStepTest : public testing::TestWithParam<Case> {};

TEST_P(BodyStepTest, RandomStatesAndTargetsGoOnAsInBullet) {
  const Case& param = GetParam();
  Rng rng({7});
  Arm alone(param.model(), false), bullet(param.model(), true);
  ASSERT_TRUE(alone.body().has_own_step());
  ASSERT_FALSE(bullet.body().has_own_step());
  const int n = alone.body().num_dofs();
  for (int run = 0; run < 50; ++run) {
    const std::vector<double> position = Draw(rng, n, 1), velocity = Draw(rng, n, 2);
    const std::vector<double> target = Draw(rng, n, 1.5);
    const btVector3 push(rng.Uniform(-5, 5), rng.Uniform(-5, 5), rng.Uniform(-5, 5));
    for (Arm* arm : {&alone, &bullet}) {
      arm->body().SetJoints(position, velocity);
      arm->SetMotors(target, param.kd, param.force_max);
      arm->body().SetMass(arm->body().num_links() - 3, 0.5 + run % 3);
    }
    for (int step = 0; step < 20; ++step) {
      for (Arm* arm : {&alone, &bullet}) {
        arm->body().AddForce(arm->body().num_links() - 2, push);
        arm->body().AddJointForce(0, push.x());
        arm->world().Step();
      }
      ASSERT_LT(Arm::Difference(alone, bullet), 1e-8) << "run " << run << ", step " << step;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Arms, BodyStepTest,
    testing::Values(Case{"panda", Panda, 1, 100}, Case{"panda_saturated", Panda, 1, 2},
                    Case{"panda_slack", Panda, 0.3, 50}, Case{"panda_without_motors", Panda, 1, 0},
                    Case{"stiff_arm", StiffArm, 1, 5}, Case{"stiff_arm_slack", StiffArm, 0.5, 1}),
    [](const auto& info) { return info.param.name; });

// A robot with a free base, in a world of its own.
class Walker {
 public:
  Walker(bool by_bullet, bool drag, bool only_feet) : world_(Options()) {
    world_.AddPlane(BodyOptions{});
    BodyOptions options = NoDrag(/*fixed_base=*/false);
    options.always_bullet = by_bullet;
    options.friction = 0.8;
    if (drag) options.linear_damping = options.angular_damping = 0.04;
    options.base_pose.setOrigin(btVector3(0, 0, 2));
    body_ = world_.AddBody(TestQuadruped(only_feet), options);
  }

  // Draws a state at `height`, which depends on `rng` alone.
  void Draw(Rng& rng, double height, double speed) {
    const auto draw = [&](double bound) {
      return btVector3(rng.Uniform(-bound, bound), rng.Uniform(-bound, bound),
                       rng.Uniform(-bound, bound));
    };
    const btVector3 axis = draw(1);
    body_->SetBasePose(btTransform(btQuaternion(axis, 0.1), btVector3(0.3, 0.2, height)));
    std::vector<double> position, velocity;
    for (int dof = 0; dof < body_->num_dofs(); ++dof) {
      position.push_back(kQuadrupedStance[dof % 3] + rng.Uniform(-0.2, 0.2));
      velocity.push_back(rng.Uniform(-speed, speed));
    }
    body_->SetJoints(position, velocity);
    const btVector3 linear = draw(speed);
    body_->SetBaseVelocity(linear, draw(speed));
    for (int dof = 0; dof < body_->num_dofs(); ++dof) {
      MotorTarget target;
      target.position = kQuadrupedStance[dof % 3];
      target.kp = 0.1;
      target.force_max = rng.Uniform(0, 1) < 0.5 ? 0 : rng.Uniform(0, 20);
      body_->SetMotor(dof, target);
    }
    body_->SetMass(body_->Link("FL_thigh"), rng.Uniform(0.5, 2));
    body_->SetMass(body_->Link("RL_foot"), rng.Uniform(0.05, 0.3));
  }

  void Step(Rng& rng) {
    for (int dof = 0; dof < body_->num_dofs(); ++dof) {
      body_->AddJointForce(dof, rng.Uniform(-3, 3));
    }
    const btVector3 push(rng.Uniform(-5, 5), rng.Uniform(-5, 5), 0);
    body_->AddForce(kBase, push);
    body_->AddForce(body_->Link("imu"), -push);
    body_->AddTorque(body_->Link("RR_foot"), push / 10);
    world_.Step();
  }

  static double Difference(const Walker& a, const Walker& b) {
    double worst = 0;
    for (int link = kBase; link < a.body_->num_links(); ++link) {
      for (const btVector3& difference :
           {a.body_->LinkPose(link).getOrigin() - b.body_->LinkPose(link).getOrigin(),
            a.body_->LaggedLinkPose(link).getOrigin() - b.body_->LaggedLinkPose(link).getOrigin(),
            (a.body_->LinkVelocity(link) - b.body_->LinkVelocity(link)) * 0.1,
            (a.body_->LinkAngularVelocity(link) - b.body_->LinkAngularVelocity(link)) * 0.1}) {
        worst = std::max(worst, difference.length());
      }
    }
    for (int dof = 0; dof < a.body_->num_dofs(); ++dof) {
      worst = std::max(worst, std::abs(a.body_->MotorForce(dof) - b.body_->MotorForce(dof)) * 1e-3);
    }
    return worst;
  }

  Body& body() { return *body_; }
  BulletWorld& world() { return world_; }

 private:
  static WorldOptions Options() {
    WorldOptions options;
    options.time_step_s = 0.0025;
    return options;
  }
  BulletWorld world_;
  Body* body_;
};

class FreeBaseStepTest : public testing::TestWithParam<bool> {};

// In flight, rounding is all that differs.
TEST_P(FreeBaseStepTest, InFlightItGoesOnAsInBullet) {
  Walker own(false, GetParam(), true), bullet(true, GetParam(), true);
  ASSERT_TRUE(own.body().has_own_step());
  ASSERT_FALSE(bullet.body().has_own_step());
  for (uint64_t run = 0; run < 30; ++run) {
    for (Walker* walker : {&own, &bullet}) {
      Rng rng({run});
      walker->Draw(rng, 2, 3);
      for (int step = 0; step < 20; ++step) walker->Step(rng);
    }
    ASSERT_LT(Walker::Difference(own, bullet), 1e-8) << run;
  }
}

// On the ground: sweeps that stop early, and feet that slide or stick, enlarge rounding.
TEST_P(FreeBaseStepTest, OnItsFeetItGoesOnAsInBullet) {
  for (const bool only_feet : {true, false}) {
    Walker own(false, GetParam(), only_feet), bullet(true, GetParam(), only_feet);
    size_t contacts = 0;
    for (uint64_t run = 0; run < 30; ++run) {
      Rng rng_own({run}), rng_bullet({run});
      own.Draw(rng_own, kQuadrupedHeight + 0.01, 0.5);
      bullet.Draw(rng_bullet, kQuadrupedHeight + 0.01, 0.5);
      for (int step = 0; step < 40; ++step) {
        own.Step(rng_own);
        bullet.Step(rng_bullet);
        ASSERT_EQ(own.world().contacts().size(), bullet.world().contacts().size()) << run;
        contacts += own.world().contacts().size();
      }
      ASSERT_LT(Walker::Difference(own, bullet), 1e-6) << run;
    }
    EXPECT_GT(contacts, 1000u);
  }
}

TEST_P(FreeBaseStepTest, ARestoredStateGoesOnWithTheSameBits) {
  Walker first(false, GetParam(), false), second(false, GetParam(), false);
  for (uint64_t start = 0; start < 8; ++start) {
    Rng rng({start});
    if (start % 4 == 0) first.Draw(rng, kQuadrupedHeight + 0.01, 0.5);
    for (int step = 0; step < 37; ++step) first.Step(rng);
    std::string bytes, again, after_first, after_second;
    first.world().SaveState(&bytes);
    second.Draw(rng, 1, 1);  // It was somewhere else before.
    second.Step(rng);
    ASSERT_TRUE(second.world().RestoreState(bytes).ok());
    second.world().SaveState(&again);
    ASSERT_TRUE(again == bytes) << start;
    Rng rng_first({9, start}), rng_second({9, start});
    for (int step = 0; step < 40; ++step) {
      first.Step(rng_first);
      second.Step(rng_second);
    }
    first.world().SaveState(&after_first);
    second.world().SaveState(&after_second);
    EXPECT_TRUE(after_first == after_second) << start;
  }
}

INSTANTIATE_TEST_SUITE_P(Drag, FreeBaseStepTest, testing::Bool());

TEST(BodyStepTest, WithoutDragAndMotorsEnergyIsKept) {
  WorldOptions fine;
  fine.time_step_s = 1e-5;
  BulletWorld world(fine);
  Body* arm = world.AddBody(TestArm(), NoDrag(true));
  ASSERT_TRUE(arm->has_own_step());
  arm->SetJoints({0.5, 0.05, -0.4}, {1, 0.1, -2});
  const auto energy = [&] {
    std::vector<double> matrix(9);
    arm->MassMatrix(absl::MakeSpan(matrix));
    double sum = 0;
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) {
        sum += 0.5 * arm->joint_velocity(i) * matrix[3 * i + j] * arm->joint_velocity(j);
      }
    }
    for (int link = 0; link < arm->num_links(); ++link) {
      sum += arm->mass(link) * 9.81 * arm->CentreOfMass(link).z();
    }
    return sum;
  };
  const double before = energy();
  for (int i = 0; i < 2000; ++i) world.Step();
  EXPECT_NEAR(energy(), before, 2e-3);
}

// Down onto the table, and up again.
TEST(BodyStepTest, AnArmThatTouchesAndLeavesAgainGoesOnAsInBullet) {
  Arm alone(Panda(), false, /*with_table=*/true), bullet(Panda(), true, /*with_table=*/true);
  const std::vector<double> up = {0, 0.41, 0, -1.85, 0, 2.26, 0.79, 0, 0};
  const std::vector<double> down = {0, 1.0, 0, -1.85, 0, 2.85, 0.79, 0, 0};
  bool touched = false;
  double worst = 0;
  for (Arm* arm : {&alone, &bullet}) arm->body().SetJoints(up, std::vector<double>(9, 0));
  for (int step = 0; step < 500; ++step) {
    for (Arm* arm : {&alone, &bullet}) {
      arm->SetMotors(step < 250 ? down : up, 1, 87);
      arm->world().Step();
    }
    ASSERT_EQ(alone.world().contacts().empty(), bullet.world().contacts().empty()) << step;
    touched = touched || !alone.world().contacts().empty();
    for (int dof = 0; dof < 9; ++dof) {
      worst = std::max(
          worst, std::abs(alone.body().joint_position(dof) - bullet.body().joint_position(dof)));
    }
  }
  EXPECT_TRUE(touched);
  EXPECT_TRUE(alone.world().contacts().empty()) << "it left the table";
  EXPECT_LT(worst, 1e-3) << "contacts amplify rounding";
}

// Two free bodies fall onto a table, spinning; one has every kind of contact row.
TEST(BodyStepTest, FreeBodiesFallAndTouchAsInBullet) {
  BulletWorld own{WorldOptions{}}, bullet{WorldOptions{}};
  for (BulletWorld* world : {&own, &bullet}) {
    world->AddStaticBox(btVector3(2, 2, 0.2), btVector3(0, 0, -0.2), 0.5);
    BodyOptions options;
    options.always_bullet = world == &bullet;
    options.base_pose = btTransform(btQuaternion(btVector3(1, 2, 3), 0.3), btVector3(0, 0, 0.3));
    world->AddBox({0.1, 0.06, 0.04}, 0.7, options)
        ->SetBaseVelocity(btVector3(0.3, -0.2, 0), btVector3(2, -5, 3));
    options.base_pose.setOrigin(btVector3(0.5, 0, 0.25));
    Body* capsule = world->AddCapsule(0.04, 0.1, 0.5, options);
    capsule->SetBaseVelocity(btVector3(0, 0.4, 0), btVector3(1, 1, -4));
    ContactMaterial material;
    material.friction = 0.8;
    material.spinning_friction = 0.01;
    material.rolling_friction = 0.01;
    material.restitution = 0.3;
    material.stiffness = 3e4;
    material.damping = 1e3;
    material.friction_anchor = true;
    capsule->SetContactMaterial(kBase, material);
  }
  ASSERT_TRUE(own.body(1).has_own_step());
  ASSERT_FALSE(bullet.body(1).has_own_step());
  size_t contacts = 0;
  double worst = 0, worst_in_flight = 0;
  for (int step = 0; step < 100; ++step) {
    for (BulletWorld* world : {&own, &bullet}) {
      world->body(1).AddTorque(kBase, btVector3(0.001, 0, 0.002));
      world->Step();
    }
    ASSERT_EQ(own.contacts().size(), bullet.contacts().size()) << step;
    contacts += own.contacts().size();
    for (const int body : {1, 2}) {
      const Body& a = own.body(body);
      const Body& b = bullet.body(body);
      for (const btVector3& difference :
           {a.LinkPose(kBase).getOrigin() - b.LinkPose(kBase).getOrigin(),
            a.LinkVelocity(kBase) - b.LinkVelocity(kBase),
            a.LinkAngularVelocity(kBase) - b.LinkAngularVelocity(kBase)}) {
        worst = std::max(worst, difference.length());
      }
    }
    if (contacts == 0) worst_in_flight = worst;
  }
  EXPECT_GT(contacts, 30u);
  EXPECT_LT(worst_in_flight, 1e-12);
  EXPECT_LT(worst, 1e-6) << "contacts amplify rounding";
}

TEST(BodyStepTest, ARestoredStateGoesOnWithTheSameBitsWhicheverPathStepped) {
  Arm first(Panda(), false, /*with_table=*/true), second(Panda(), false, /*with_table=*/true);
  const std::vector<double> up = {0, 0.41, 0, -1.85, 0, 2.26, 0.79, 0, 0};
  const std::vector<double> down = {0, 1.0, 0, -1.85, 0, 2.85, 0.79, 0, 0};
  first.body().SetJoints(up, std::vector<double>(9, 0));
  for (int start = 0; start < 12; ++start) {
    for (int step = 0; step < 37; ++step) {
      first.SetMotors(start % 6 < 4 ? down : up, 1, 87);
      first.world().Step();
    }
    std::string bytes;
    first.world().SaveState(&bytes);
    ASSERT_TRUE(second.world().RestoreState(bytes).ok());
    std::string again;
    second.world().SaveState(&again);
    ASSERT_EQ(again, bytes);
    for (int step = 0; step < 20; ++step) {
      first.world().Step();
      second.world().Step();
    }
    std::string a, b;
    first.world().SaveState(&a);
    second.world().SaveState(&b);
    EXPECT_TRUE(a == b) << "start " << start;
  }
}

}  // namespace
}  // namespace armature
