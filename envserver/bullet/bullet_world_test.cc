#include "envserver/bullet/bullet_world.h"

#include <cmath>
#include <memory>
#include <vector>

#include "BulletCollision/CollisionShapes/btBoxShape.h"
#include "absl/strings/str_cat.h"
#include "envserver/bullet/body_model.h"
#include "envserver/bullet/urdf.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr double kGravity = 9.81;

std::shared_ptr<const BodyModel> Parse(const std::string& urdf,
                                       InertiaSource source = InertiaSource::kUrdf) {
  auto model = ParseUrdf(urdf, "", {source});
  EXPECT_TRUE(model.ok()) << model.status();
  return *model;
}

std::shared_ptr<const BodyModel> Cube(double size, double mass) {
  const std::string s = std::to_string(size);
  return Parse("<robot name='cube'><link name='cube'><inertial><mass value='" +
                   std::to_string(mass) +
                   "'/><inertia ixx='1' ixy='0' ixz='0' iyy='1' iyz='0' izz='1'/></inertial>"
                   "<collision><geometry><box size='" +
                   s + " " + s + " " + s + "'/></geometry></collision></link></robot>",
               InertiaSource::kCollisionBox);
}

// Two links that rotate about y, the second with limits and a hand fixed to it, and a slider. DoFs,
// in order of the joints' names: shoulder, slide, wrist.
constexpr char kArm[] = R"(
<robot name="arm">
  <link name="base"/>
  <joint name="shoulder" type="continuous">
    <parent link="base"/><child link="upper"/><origin xyz="0 0 1"/><axis xyz="0 1 0"/>
  </joint>
  <link name="upper">
    <inertial><origin xyz="0.2 0 0"/><mass value="2"/>
      <inertia ixx="0.01" ixy="0.002" ixz="0" iyy="0.03" iyz="0" izz="0.03"/></inertial>
  </link>
  <joint name="wrist" type="revolute">
    <parent link="upper"/><child link="lower"/><origin xyz="0.4 0 0" rpy="0.3 0 0"/>
    <axis xyz="0 1 0"/><limit lower="-0.5" upper="0.7" effort="9" velocity="9"/>
  </joint>
  <link name="lower">
    <inertial><origin xyz="0.1 0 0.05"/><mass value="1"/>
      <inertia ixx="0.01" ixy="0" ixz="0" iyy="0.02" iyz="0" izz="0.02"/></inertial>
  </link>
  <joint name="slide" type="prismatic">
    <parent link="upper"/><child link="slider"/><origin xyz="0.1 0 0"/>
    <axis xyz="0 0 2"/><limit lower="0" upper="0.1" effort="9" velocity="9"/>
  </joint>
  <link name="slider">
    <inertial><mass value="0.5"/>
      <inertia ixx="0.001" ixy="0" ixz="0" iyy="0.001" iyz="0" izz="0.001"/></inertial>
  </link>
  <joint name="hand_mount" type="fixed">
    <parent link="lower"/><child link="hand"/><origin xyz="0.25 0 0"/>
  </joint>
  <link name="hand">
    <inertial><mass value="0.3"/>
      <inertia ixx="0.001" ixy="0" ixz="0" iyy="0.001" iyz="0" izz="0.001"/></inertial>
  </link>
</robot>)";

BodyOptions Fixed() {
  BodyOptions options;
  options.fixed_base = true;
  return options;
}

TEST(BodyModelTest, ReadsJointsInOrderWithUnitAxesAndLimits) {
  const auto model = Parse(kArm);
  EXPECT_EQ(model->base.name, "base");
  EXPECT_EQ(model->LinkIndex("base"), -1);
  EXPECT_EQ(model->LinkIndex("elbow"), -2);
  ASSERT_EQ(model->links.size(), 4);
  EXPECT_EQ(model->MovingLinks().size(), 3);
  const LinkModel& slider = model->links[model->LinkIndex("slider")];
  EXPECT_EQ(slider.joint_type, JointType::kPrismatic);
  EXPECT_DOUBLE_EQ(slider.axis.z(), 1);
  EXPECT_DOUBLE_EQ(slider.position_high, 0.1);
  EXPECT_FALSE(model->links[model->LinkIndex("upper")].has_limits);
}

TEST(BodyModelTest, OffDiagonalInertiaIsTurnedIntoPrincipalAxes) {
  const auto model = Parse(kArm);
  const LinkModel& upper = model->links[model->LinkIndex("upper")];
  const btMatrix3x3& axes = upper.inertial_frame.getBasis();
  EXPECT_NEAR(axes.determinant(), 1, 1e-12);
  const btMatrix3x3 inertia = axes.scaled(upper.inertia_diagonal).timesTranspose(axes);
  EXPECT_NEAR(inertia[0][0], 0.01, 1e-12);
  EXPECT_NEAR(inertia[0][1], 0.002, 1e-12);
  EXPECT_NEAR(inertia[1][1], 0.03, 1e-12);
}

TEST(BodyModelTest, ErrorsNameWhatIsWrong) {
  EXPECT_EQ(ParseUrdf("<robot", "", {InertiaSource::kUrdf}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(LoadUrdf("/no/such.urdf", {InertiaSource::kUrdf}).status().code(),
            absl::StatusCode::kNotFound);
  const auto mesh = ParseUrdf(
      "<robot name='r'><link name='l'><collision><geometry><mesh filename='package://no.obj'/>"
      "</geometry></collision></link></robot>",
      "/nowhere", {InertiaSource::kUrdf});
  EXPECT_NE(std::string(mesh.status().message()).find("/nowhere/no.obj"), std::string::npos)
      << mesh.status();
  const auto planar = ParseUrdf(
      "<robot name='r'><link name='a'/><link name='b'/><joint name='j' type='planar'>"
      "<parent link='a'/><child link='b'/></joint></robot>",
      "", {InertiaSource::kUrdf});
  EXPECT_NE(std::string(planar.status().message()).find("'j'"), std::string::npos)
      << planar.status();
}

TEST(BulletWorldTest, AFreeBodyFallsAsNewtonSays) {
  WorldOptions options;
  options.time_step_s = 0.001;
  BulletWorld world(options);
  BodyOptions body_options;
  body_options.base_pose.setOrigin(btVector3(0, 0, 10));
  body_options.linear_damping = 0;
  Body* cube = world.AddBody(Cube(0.1, 2), body_options);
  for (int i = 0; i < 1000; ++i) world.Step();
  // Semi-implicit Euler: g h^2 n (n + 1) / 2 after n steps.
  EXPECT_NEAR(10 - cube->LinkPose(kBase).getOrigin().z(), kGravity * 1e-6 * 1000 * 1001 / 2, 1e-9);
}

// A wheel on a vertical axle, so that gravity has no effect. Returns its velocity after `steps`
// steps from 1 rad/s.
double WheelVelocity(const std::string& dynamics, double time_step_s, int steps, bool motors,
                     bool fixed_base = true) {
  constexpr char kWheel[] = R"(
    <robot name="wheel">
      <link name="base"><inertial><mass value="1e6"/>
        <inertia ixx="1e6" ixy="0" ixz="0" iyy="1e6" iyz="0" izz="1e6"/></inertial></link>
      <joint name="axle" type="continuous">
        <parent link="base"/><child link="rim"/><axis xyz="0 0 1"/>)";
  const auto model = Parse(absl::StrCat(kWheel, dynamics, R"(</joint>
      <link name="rim"><inertial><mass value="2"/>
        <inertia ixx="0.5" ixy="0" ixz="0" iyy="0.5" iyz="0" izz="0.5"/></inertial></link>
    </robot>)"));
  WorldOptions options;
  options.time_step_s = time_step_s;
  BulletWorld world(options);
  BodyOptions body_options;
  body_options.fixed_base = fixed_base;
  body_options.motors = motors;
  body_options.linear_damping = 0;
  body_options.angular_damping = 0;
  Body* wheel = world.AddBody(model, body_options);
  wheel->SetJoints({0}, {1});
  for (int i = 0; i < steps; ++i) world.Step();
  return wheel->joint_velocity(0);
}

TEST(BulletWorldTest, ADampedJointSlowsExponentially) {
  constexpr char kDamping[] = "<dynamics damping='0.4'/>";
  for (const bool fixed_base : {true, false}) {
    for (const bool motors : {true, false}) {
      // I dv/dt = -d v over 1 s, with I = 0.5.
      EXPECT_NEAR(WheelVelocity(kDamping, 0.001, 1000, motors, fixed_base), std::exp(-0.8), 1e-3);
    }
  }
  EXPECT_NEAR(WheelVelocity("", 0.001, 1000, true), 1, 1e-9);
}

TEST(BulletWorldTest, StrongDampingStopsAJointAndNeverTurnsIt) {
  // Implicit Euler: v / (1 + d h / I); an explicit torque would give -99.
  EXPECT_NEAR(WheelVelocity("<dynamics damping='5000'/>", 0.01, 1, false), 1.0 / 101, 1e-6);
  EXPECT_NEAR(WheelVelocity("<dynamics damping='5000'/>", 0.01, 100, false), 0, 1e-6);
}

TEST(BulletWorldTest, AJointWithFrictionSlowsEvenlyAndStands) {
  constexpr char kFriction[] = "<dynamics friction='0.25'/>";
  EXPECT_NEAR(WheelVelocity(kFriction, 0.001, 1000, false), 0.5, 1e-6);
  EXPECT_NEAR(WheelVelocity(kFriction, 0.001, 2500, false), 0, 1e-9);
}

TEST(BodyModelTest, NegativeDampingOrFrictionIsRefusedByName) {
  for (const char* name : {"damping", "friction"}) {
    const auto model =
        ParseUrdf(absl::StrCat("<robot name='r'><link name='a'/><link name='b'/><joint name='j' "
                               "type='continuous'><parent link='a'/><child link='b'/><dynamics ",
                               name, "='-1'/></joint></robot>"),
                  "", {InertiaSource::kUrdf});
    EXPECT_EQ(model.status().message(),
              absl::StrCat("joint 'j' has a ", name, " of -1; expected 0 or more"));
  }
}

TEST(BulletWorldTest, ACubeRestsOnABoxWithItsWeight) {
  BulletWorld world(WorldOptions{});
  const Body* floor = world.AddStaticBox(btVector3(1, 1, 0.1), btVector3(0, 0, -0.1), 0.5);
  BodyOptions options;
  options.base_pose.setOrigin(btVector3(0, 0, 0.06));
  Body* cube = world.AddBody(Cube(0.1, 2), options);
  for (int i = 0; i < 500; ++i) world.Step();
  EXPECT_NEAR(cube->LinkPose(kBase).getOrigin().z(), 0.05, 1e-3);
  std::vector<ContactPoint> contacts;
  world.GetContacts(&contacts);
  ASSERT_FALSE(contacts.empty());
  double force = 0;
  for (const ContactPoint& contact : contacts) {
    EXPECT_EQ(contact.body_a == cube->id() ? contact.body_b : contact.body_a, floor->id());
    EXPECT_NEAR(std::abs(contact.normal_on_b.z()), 1, 1e-6);
    force += contact.normal_force;
  }
  EXPECT_NEAR(force, 2 * kGravity, 0.5);
}

TEST(BulletWorldTest, FrictionIsTheProductOfThePair) {
  // With 0.5 x 0.5 it slides at once on a slope of 20 degrees, tan = 0.36; with 0.5 x 1 it holds.
  for (const double friction : {0.5, 1.0}) {
    const double slope = 20 * M_PI / 180;
    WorldOptions options;
    options.time_step_s = 0.002;
    BulletWorld world(options);
    world.AddStaticBox(btVector3(5, 5, 0.1), btVector3(0, 0, -0.1), 0.5);
    BodyOptions body_options;
    body_options.base_pose.setOrigin(btVector3(0, 0, 0.05));
    body_options.friction = friction;
    Body* cube = world.AddBody(Cube(0.1, 1), body_options);
    for (int i = 0; i < 250; ++i) world.Step();
    for (int i = 0; i < 250; ++i) {
      // The slope, as a horizontal push and a reduced weight.
      cube->multibody()->addBaseForce(
          btVector3(kGravity * std::sin(slope), 0, kGravity * (1 - std::cos(slope))));
      world.Step();
    }
    const double travelled = cube->LinkPose(kBase).getOrigin().x();
    const double expected =
        friction == 1 ? 0 : kGravity * (std::sin(slope) - 0.25 * std::cos(slope)) * 0.125;
    EXPECT_NEAR(travelled, expected, 0.01) << friction;
  }
}

TEST(BulletWorldTest, AMotorHoldsItsTargetAgainstGravityAndALimitHoldsTheJoint) {
  WorldOptions options;
  options.time_step_s = 0.002;
  BulletWorld world(options);
  Body* arm = world.AddBody(Parse(kArm), Fixed());
  MotorTarget hold;
  hold.kp = 0.2;
  hold.force_max = 100;
  hold.position = 0.3;
  arm->SetMotor(0, hold);
  for (int i = 0; i < 1000; ++i) world.Step();
  EXPECT_NEAR(arm->joint_position(0), 0.3, 1e-3);
  // Rotating about +y lowers +x: the slider falls onto its lower limit and the wrist onto its upper
  // one.
  EXPECT_NEAR(arm->joint_position(1), 0, 1e-3);
  EXPECT_NEAR(arm->joint_position(2), 0.7, 1e-2);
}

TEST(BulletWorldTest, AMotorThatIsTooWeakLetsTheArmFall) {
  BulletWorld world(WorldOptions{});
  Body* arm = world.AddBody(Parse(kArm), Fixed());
  MotorTarget hold;
  hold.kp = 0.2;
  hold.force_max = 0.5;
  arm->SetMotor(0, hold);
  for (int i = 0; i < 120; ++i) world.Step();
  EXPECT_GT(arm->joint_position(0), 0.3);
}

// A pile of bodies with contacts.
struct Pile {
  Pile() : world(WorldOptions{}) {
    world.AddStaticBox(btVector3(1, 1, 0.1), btVector3(0, 0, -0.1), 0.5);
    for (int i = 0; i < 3; ++i) {
      BodyOptions options;
      options.base_pose.setOrigin(btVector3(0.01 * i, 0.02 * i, 0.06 + 0.11 * i));
      world.AddBody(Cube(0.1, 1), options);
    }
    BodyOptions options = Fixed();
    options.base_pose.setOrigin(btVector3(-0.2, 0, -0.8));
    arm = world.AddBody(Parse(kArm), options);
    world.SaveState(&start);
  }
  WorldState Run(int steps) {
    for (int i = 0; i < steps; ++i) {
      MotorTarget target;
      target.position = std::sin(0.1 * i);
      target.kp = 0.1;
      target.force_max = 50;
      arm->SetMotor(0, target);
      world.Step();
    }
    WorldState state;
    world.SaveState(&state);
    return state;
  }
  BulletWorld world;
  Body* arm;
  WorldState start;
};

bool Identical(const WorldState& a, const WorldState& b) {
  bool same = a.bodies.size() == b.bodies.size();
  for (size_t i = 0; same && i < a.bodies.size(); ++i) {
    same = a[i].base_position == b[i].base_position && a[i].base_rotation == b[i].base_rotation &&
           a[i].base_linear_velocity == b[i].base_linear_velocity &&
           a[i].base_angular_velocity == b[i].base_angular_velocity &&
           a[i].joint_position == b[i].joint_position && a[i].joint_velocity == b[i].joint_velocity;
  }
  return same;
}

TEST(BulletWorldTest, RestoredStatesGoOnIdenticallyWhateverHappenedBefore) {
  Pile pile, fresh;
  pile.world.RestoreState(pile.start);
  const WorldState expected = pile.Run(200);
  for (int steps : {1, 37, 200}) {
    pile.Run(steps);
    pile.world.RestoreState(pile.start);
    EXPECT_TRUE(Identical(pile.Run(200), expected)) << "after " << steps << " more steps";
  }
  fresh.world.RestoreState(fresh.start);
  EXPECT_TRUE(Identical(fresh.Run(200), expected)) << "in a new world";
}

TEST(BodyTest, LinkVelocityIsTheDerivativeOfThePose) {
  WorldOptions options;
  options.gravity = 0;
  options.time_step_s = 1e-5;
  BulletWorld world(options);
  Body* arm = world.AddBody(Parse(kArm), Fixed());
  arm->SetJoints({0.3, 0.05, 0.2}, {1.0, 0.1, -2.0});
  const int hand = arm->model().LinkIndex("hand");
  const btVector3 before = arm->LinkPose(hand).getOrigin();
  const btVector3 velocity = arm->LinkVelocity(hand);
  world.Step();
  const btVector3 difference = (arm->LinkPose(hand).getOrigin() - before) / 1e-5;
  EXPECT_LT((difference - velocity).length(), 1e-3);
  EXPECT_GT(velocity.length(), 0.1);
}

}  // namespace
}  // namespace armature
