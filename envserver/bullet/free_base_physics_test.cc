// Robots with a free base and joints obey what is known of them without a simulator: conservation,
// weight, friction.

#include <cmath>
#include <memory>
#include <vector>

#include "common/random/rng.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/bullet/testing/mujoco_quadruped.h"
#include "envserver/bullet/testing/robots.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr double kGravity = 9.81;

struct Motion {
  btVector3 linear_momentum;
  btVector3 angular_momentum;  // About the centre of mass of the whole.
  double energy;               // Of motion.
};

Motion MotionOf(const Body& body) {
  Motion motion = {btVector3(0, 0, 0), btVector3(0, 0, 0), 0};
  const int n = body.num_velocities();
  std::vector<double> velocity, matrix(n * n);
  const btVector3 linear = body.LinkVelocity(kBase), angular = body.LinkAngularVelocity(kBase);
  for (int i = 0; i < 3; ++i) velocity.push_back(linear[i]);
  for (int i = 0; i < 3; ++i) velocity.push_back(angular[i]);
  for (int dof = 0; dof < body.num_dofs(); ++dof) velocity.push_back(body.joint_velocity(dof));
  body.MassMatrix(absl::MakeSpan(matrix));
  btVector3 about_base(0, 0, 0), centre(0, 0, 0);
  for (int i = 0; i < n; ++i) {
    double momentum = 0;
    for (int j = 0; j < n; ++j) momentum += matrix[i * n + j] * velocity[j];
    if (i < 3) motion.linear_momentum[i] = momentum;
    if (i >= 3 && i < 6) about_base[i - 3] = momentum;
    motion.energy += 0.5 * velocity[i] * momentum;
  }
  for (int link = kBase; link < body.num_links(); ++link) {
    centre += body.mass(link) * body.CentreOfMass(link);
  }
  const btVector3 arm = centre / body.TotalMass() - body.LinkPose(kBase).getOrigin();
  motion.angular_momentum = about_base - arm.cross(motion.linear_momentum);
  return motion;
}

// Velocities of all, drawn.
void Stir(Body* body, double speed) {
  Rng rng({3});
  const auto draw = [&] { return rng.Uniform(-speed, speed); };
  body->SetBaseVelocity(btVector3(draw(), draw(), draw()), btVector3(draw(), draw(), draw()));
  for (int dof = 0; dof < body->num_dofs(); ++dof) body->SetJointVelocity(dof, draw());
}

std::vector<double> Stance() {
  std::vector<double> stance;
  for (int leg = 0; leg < 4; ++leg) {
    stance.insert(stance.end(), std::begin(kQuadrupedStance), std::end(kQuadrupedStance));
  }
  return stance;
}

// A quadruped that stands on a plane at height 0, its joints held by motors.
Body* AddStanding(BulletWorld* world, double friction) {
  BodyOptions options = NoDrag(/*fixed_base=*/false);
  options.friction = friction;
  options.base_pose.setOrigin(btVector3(0, 0, kQuadrupedHeight));
  Body* robot = world->AddBody(TestQuadruped(/*only_feet=*/true), options);
  robot->SetJoints(Stance(), std::vector<double>(12, 0.0));
  for (int dof = 0; dof < 12; ++dof) {
    MotorTarget target;
    target.position = Stance()[dof];
    target.kp = 0.1;
    target.force_max = 60;
    robot->SetMotor(dof, target);
  }
  return robot;
}

// Without forces, momentum and energy stay. What they change is the integrator's error, which is of
// the order of the step: it halves with it.
TEST(FreeBasePhysicsTest, FreeFlightKeepsMomentumAndEnergy) {
  double errors[2];
  for (int run = 0; run < 2; ++run) {
    WorldOptions options;
    options.gravity = 0;
    options.time_step_s = run == 0 ? 2e-4 : 1e-4;
    BulletWorld world(options);
    BodyOptions body_options = NoDrag(/*fixed_base=*/false);
    body_options.motors = false;
    Body* robot = world.AddBody(TestQuadruped(/*only_feet=*/true), body_options);
    ASSERT_TRUE(robot->has_own_step());
    robot->SetJoints(Stance(), std::vector<double>(12, 0.0));
    Stir(robot, 1);
    const Motion before = MotionOf(*robot);
    for (int i = 0; i < (run == 0 ? 1000 : 2000); ++i) world.Step();
    const Motion after = MotionOf(*robot);
    const double linear = (after.linear_momentum - before.linear_momentum).length();
    const double angular = (after.angular_momentum - before.angular_momentum).length();
    EXPECT_LT(linear, 1e-3 * before.linear_momentum.length());
    EXPECT_LT(angular, 1e-3 * before.angular_momentum.length());
    EXPECT_NEAR(after.energy, before.energy, 2e-3 * before.energy);
    errors[run] = linear;
  }
  EXPECT_NEAR(errors[0] / errors[1], 2, 0.3);
}

TEST(FreeBasePhysicsTest, InFreeFallMomentumGrowsByWeightTimesTime) {
  WorldOptions options;
  options.time_step_s = 1e-4;
  BulletWorld world(options);
  Body* robot = world.AddBody(TestQuadruped(/*only_feet=*/true), NoDrag(/*fixed_base=*/false));
  Stir(robot, 1);
  const Motion before = MotionOf(*robot);
  for (int i = 0; i < 2000; ++i) world.Step();
  const btVector3 change = MotionOf(*robot).linear_momentum - before.linear_momentum;
  const double expected = -robot->TotalMass() * kGravity * 0.2;
  EXPECT_NEAR(change.z(), expected, 1e-3 * std::abs(expected));
  EXPECT_NEAR(change.x(), 0, 1e-3 * std::abs(expected));
}

// A ball of 1 kg hits a resting quadruped. Rounding, and the integrator's error as above.
TEST(FreeBasePhysicsTest, AnImpactKeepsMomentum) {
  WorldOptions options;
  options.gravity = 0;
  options.time_step_s = 1e-4;
  BulletWorld world(options);
  BodyOptions robot_options = NoDrag(/*fixed_base=*/false);
  robot_options.motors = false;
  Body* robot = world.AddBody(TestQuadruped(/*only_feet=*/false), robot_options);
  BodyOptions ball_options = NoDrag(/*fixed_base=*/false);
  ball_options.base_pose.setOrigin(btVector3(0.5, 0.02, 0.01));
  Body* ball = world.AddSphere(0.05, 1, ball_options);
  ball->SetBaseVelocity(btVector3(-2, 0, 0), btVector3(0, 0, 0));
  bool touched = false;
  for (int i = 0; i < 3000; ++i) {
    world.Step();
    touched = touched || !world.contacts().empty();
  }
  ASSERT_TRUE(touched);
  const btVector3 momentum = MotionOf(*robot).linear_momentum + ball->LinkVelocity(kBase);
  EXPECT_LT((momentum - btVector3(-2, 0, 0)).length(), 2e-3);
  EXPECT_LT(robot->LinkVelocity(kBase).x(), -0.05);
}

TEST(FreeBasePhysicsTest, RestingContactsCarryTheWeight) {
  WorldOptions options;
  options.time_step_s = 0.002;
  BulletWorld world(options);
  world.AddPlane({});
  Body* robot = AddStanding(&world, 1);
  ASSERT_TRUE(robot->has_own_step());
  for (int i = 0; i < 1000; ++i) world.Step();
  double force = 0;
  for (int i = 0; i < 100; ++i) {
    world.Step();
    force += world.Contacts(*robot).NormalForce() / 100;
  }
  const double weight = robot->TotalMass() * kGravity;
  EXPECT_EQ(world.contacts().size(), 4u);
  EXPECT_NEAR(force, weight, 1e-3 * weight);
  EXPECT_LT(robot->LinkVelocity(kBase).length(), 1e-3);
}

// As in mujoco_quadruped.py.
class BesideMujoco {
 public:
  explicit BesideMujoco(double height) : world_(Options()) {
    BodyOptions ground;
    ground.friction = 1;
    world_.AddPlane(ground);
    BodyOptions options = NoDrag(/*fixed_base=*/false);
    options.friction = 1;
    options.motors = false;
    options.base_pose.setOrigin(btVector3(0, 0, height));
    robot_ = world_.AddBody(TestQuadruped(/*only_feet=*/true), options);
    robot_->SetJoints(Stance(), std::vector<double>(12, 0.0));
  }

  BulletWorld& world() { return world_; }
  Body& robot() { return *robot_; }

  void ExpectNear(const double (&expected)[18], double tolerance, double joint_tolerance) const {
    const btTransform base = robot_->LinkPose(kBase);
    for (int i = 0; i < 3; ++i) {
      EXPECT_NEAR(base.getOrigin()[i], expected[i], tolerance) << i;
      EXPECT_NEAR(base.getBasis()[2][i], expected[3 + i], tolerance) << i;
    }
    for (int dof = 0; dof < 12; ++dof) {
      EXPECT_NEAR(robot_->joint_position(dof), expected[6 + dof], joint_tolerance) << dof;
    }
  }

 private:
  static WorldOptions Options() {
    WorldOptions options;
    options.time_step_s = 1e-4;
    return options;
  }
  BulletWorld world_;
  Body* robot_;
};

// Equal equations, equal steps: what is left is the step's error, as MuJoCo's velocity is that of
// another point of the base.
TEST(FreeBasePhysicsTest, FliesAsInMujoco) {
  BesideMujoco beside(1);
  beside.robot().SetBaseVelocity(btVector3(0.3, -0.2, 0.1), btVector3(1, -0.5, 0.7));
  const double rates[12] = {0.5, -1, 1.5, -0.5, 1, 1, 1, 0.5, -0.5, -1, -0.5, 1};
  for (int dof = 0; dof < 12; ++dof) beside.robot().SetJointVelocity(dof, rates[dof]);
  for (int i = 0; i < 2000; ++i) beside.world().Step();
  beside.ExpectNear(kMujocoFlight, 1e-4, 1e-4);
}

// Contacts differ. MuJoCo's give way, by a millimetre here, and its feet creep until the legs no
// longer press against each other sideways, which turns the hips by 6 mrad; ours stick.
TEST(FreeBasePhysicsTest, LandsAndStandsAsInMujoco) {
  BesideMujoco beside(0.366);
  Body& robot = beside.robot();
  for (int i = 0; i < 10000; ++i) {
    for (int dof = 0; dof < 12; ++dof) {
      robot.AddJointForce(dof, 200 * (kQuadrupedStance[dof % 3] - robot.joint_position(dof)) -
                                   4 * robot.joint_velocity(dof));
    }
    beside.world().Step();
  }
  EXPECT_EQ(beside.world().contacts().size(), 4u);
  beside.ExpectNear(kMujocoDrop, 3e-3, 8e-3);
}

// Feet that slide lose speed at friction x gravity, whatever the legs carry.
TEST(FreeBasePhysicsTest, SlidesAsFarAsFrictionLets) {
  constexpr double kFriction = 0.2, kSpeed = 1;
  WorldOptions options;
  options.time_step_s = 0.001;
  BulletWorld world(options);
  BodyOptions plane;
  plane.friction = 1;
  world.AddPlane(plane);
  Body* robot = AddStanding(&world, kFriction);
  for (int i = 0; i < 2000; ++i) world.Step();
  const double start = robot->LinkPose(kBase).getOrigin().x();
  robot->SetBaseVelocity(btVector3(kSpeed, 0, 0), btVector3(0, 0, 0));
  for (int i = 0; i < 1500; ++i) world.Step();
  const double distance = robot->LinkPose(kBase).getOrigin().x() - start;
  const double expected = kSpeed * kSpeed / (2 * kFriction * kGravity);
  EXPECT_NEAR(distance, expected, 0.03 * expected);
}

}  // namespace
}  // namespace armature
