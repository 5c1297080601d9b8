#include "envserver/bullet/body.h"

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "envserver/bullet/bullet_world.h"
#include "envserver/bullet/scene_writer.h"
#include "envserver/bullet/testing/robots.h"
#include "envserver/bullet/urdf.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

BodyOptions At(double x, double y, double z) {
  BodyOptions options;
  options.base_pose.setOrigin(btVector3(x, y, z));
  return options;
}

std::string MessageOf(const std::function<void()>& call) {
  try {
    call();
  } catch (const WorldError& error) {
    return error.what();
  }
  return "";
}

TEST(BodyTest, AWrongNameListsTheNamesThereAre) {
  BulletWorld world(WorldOptions{});
  BodyOptions options = At(0, 0, 1);
  options.name = "robot";
  const Body* arm = world.AddBody(TestArm(), options);
  EXPECT_EQ(arm->Link("base"), kBase);
  EXPECT_EQ(arm->Link("hand"), 2);
  EXPECT_EQ(arm->Joint("slide"), 1);
  EXPECT_EQ(MessageOf([&] { arm->Link("foot"); }),
            "body 'robot' has no link 'foot'; it has base, upper, lower, hand");
  EXPECT_EQ(MessageOf([&] { arm->Joint("knee"); }),
            "body 'robot' has no moving joint 'knee'; it has shoulder, slide, wrist");
  EXPECT_EQ(MessageOf([&] { world.FindBody("table"); }),
            "the world has no body 'table'; it has robot");
  EXPECT_EQ(MessageOf([&] { world.AddBody(TestArm(), options); }), "two bodies are named 'robot'");
  EXPECT_EQ(world.AddBody(TestArm(), At(0, 1, 1))->name(), "arm");
  EXPECT_EQ(world.AddBody(TestArm(), At(0, 2, 1))->name(), "arm_2");
}

TEST(BodyTest, EffortLimitsHoldMotorsAndAddedForces) {
  for (const bool limited : {true, false}) {
    BulletWorld world(FineSteps());
    BodyOptions options = NoDrag(true);
    options.effort_limits = limited;
    Body* arm = world.AddBody(TestArm(), options);
    world.SetGravity(btVector3(0, 0, 0));
    MotorTarget strong;
    strong.velocity = 100;
    strong.force_max = 50;
    arm->SetMotor(0, strong);
    world.Step();
    EXPECT_NEAR(arm->MotorForce(0), limited ? 5 : 50, 1e-9);
    arm->SetMotor(0, MotorTarget{});
    arm->SetJoints({0, 0, 0}, {0, 0, 0});
    for (int i = 0; i < 3; ++i) arm->AddJointForce(0, 4);
    world.Step();
    const double with_sum = arm->joint_velocity(0);
    arm->SetJoints({0, 0, 0}, {0, 0, 0});
    arm->AddJointForce(0, limited ? 5 : 12);
    world.Step();
    EXPECT_NEAR(with_sum, arm->joint_velocity(0), 1e-12);
  }
}

TEST(BodyTest, AKinematicBodyMovesAsToldAndPushesOthers) {
  WorldOptions options;
  options.time_step_s = 0.002;
  BulletWorld world(options);
  world.AddStaticBox(btVector3(2, 2, 0.1), btVector3(0, 0, -0.1), 0.1);
  BodyOptions kinematic = At(-0.2, 0, 0.1);
  kinematic.kinematic = true;
  Body* pusher = world.AddBox({0.1, 0.3, 0.2}, 0, kinematic);
  Body* cube = world.AddBox({0.1, 0.1, 0.1}, 1, At(0, 0, 0.051));
  pusher->SetBaseVelocity(btVector3(0.2, 0, 0), btVector3(0, 0, 0));
  for (int i = 0; i < 1000; ++i) world.Step();
  EXPECT_NEAR(pusher->LinkPose(kBase).getOrigin().x(), 0.2, 1e-9);
  EXPECT_NEAR(cube->LinkPose(kBase).getOrigin().x(), 0.3, 5e-3);
  EXPECT_NEAR(cube->LinkVelocity(kBase).x(), 0.2, 0.02);
  btTransform target = pusher->LinkPose(kBase);
  target.setOrigin(btVector3(-1, 0.5, 0.1));
  pusher->MoveTo(target);
  world.Step();
  EXPECT_EQ(pusher->LinkPose(kBase).getOrigin(), btVector3(-1, 0.5, 0.1));
  EXPECT_EQ(pusher->LinkVelocity(kBase), btVector3(0, 0, 0));
  EXPECT_NE(MessageOf([&] { cube->MoveTo(target); }), "");
  EXPECT_NE(MessageOf([&] { pusher->AddForce(kBase, btVector3(1, 0, 0)); }), "");
}

TEST(BodyTest, ContactsAreFoundByBodyAndLinkAndSeenFromTheAskedOne) {
  BulletWorld world(WorldOptions{});
  const Body* floor = world.AddStaticBox(btVector3(1, 1, 0.1), btVector3(0, 0, -0.1), 0.5);
  const Body* wall = world.AddStaticBox(btVector3(0.1, 1, 1), btVector3(0.6, 0, 1), 0.5);
  const Body* cube = world.AddBox({0.1, 0.1, 0.1}, 2, At(0, 0, 0.051));
  const Body* other = world.AddSphere(0.1, 1, At(-0.5, 0, 0.11));
  for (int i = 0; i < 300; ++i) world.Step();
  for (const ContactPoint& contact : world.Contacts(*cube)) {
    EXPECT_EQ(contact.body_a, cube->id());
    EXPECT_EQ(contact.body_b, floor->id());
    EXPECT_NEAR(contact.normal_on_b.z(), 1, 1e-6);
  }
  EXPECT_EQ(world.Contacts(*cube).size(), 4);
  EXPECT_NEAR(world.Contacts(*cube).NormalForce(), 2 * 9.81, 0.1);
  EXPECT_NEAR(world.Contacts(*floor).Force().z(), -3 * 9.81, 0.2);
  EXPECT_NEAR(world.Contacts(*floor, kBase, *other).NormalForce(), 9.81, 0.1);
  EXPECT_TRUE(world.Contacts(*wall).empty());
  EXPECT_TRUE(world.Contacts(*cube, kAllLinks, *other).empty());
}

TEST(BodyTest, CollisionGroupsDecideWhoTouchesWhom) {
  BulletWorld world(WorldOptions{});
  world.AddStaticBox(btVector3(1, 1, 0.1), btVector3(0, 0, -0.1), 0.5);
  BodyOptions ghost = At(0, 0, 0.5);
  ghost.collision_group = 2;
  ghost.collision_mask = 2;
  Body* falls = world.AddBox({0.1, 0.1, 0.1}, 1, ghost);
  Body* rests = world.AddBox({0.1, 0.1, 0.1}, 1, At(0.5, 0, 0.06));
  for (int i = 0; i < 200; ++i) world.Step();
  EXPECT_LT(falls->LinkPose(kBase).getOrigin().z(), -1);
  EXPECT_NEAR(rests->LinkPose(kBase).getOrigin().z(), 0.05, 1e-3);
  rests->SetCollisionFilter(2, 2);
  for (int i = 0; i < 200; ++i) world.Step();
  EXPECT_LT(rests->LinkPose(kBase).getOrigin().z(), -1);
}

TEST(BodyTest, DistanceIsBetweenTheNearestPoints) {
  BulletWorld world(WorldOptions{});
  const Body* sphere = world.AddSphere(0.1, 1, At(0, 0, 1));
  const Body* box = world.AddBox({0.2, 0.2, 0.2}, 0, At(0.5, 0, 1));
  const Body* arm = world.AddBody(TestArm(), NoDrag(true));
  ClosestPoints nearest = world.Distance(*sphere, kBase, *box, kBase, 1);
  ASSERT_TRUE(nearest.found);
  EXPECT_NEAR(nearest.distance, 0.3, 2e-3);
  EXPECT_NEAR(nearest.point_on_a.x(), 0.1, 2e-3);
  EXPECT_NEAR(nearest.point_on_b.x(), 0.4, 2e-3);
  EXPECT_NEAR(nearest.normal_on_b.x(), -1, 1e-6);
  nearest = world.Distance(*box, kBase, *sphere, kBase, 1);
  EXPECT_NEAR(nearest.point_on_a.x(), 0.4, 2e-3);
  EXPECT_NEAR(nearest.normal_on_b.x(), 1, 1e-6);
  EXPECT_FALSE(world.Distance(*sphere, kBase, *box, kBase, 0.2).found);
  nearest = world.Distance(*arm, arm->Link("base"), *sphere, kAllLinks, 2);
  ASSERT_TRUE(nearest.found);
  EXPECT_NEAR(nearest.distance, 1 - 0.05 - 0.1, 2e-3);
  EXPECT_FALSE(world.Distance(*arm, arm->Link("upper"), *sphere, kBase, 2).found) << "no shape";
}

TEST(BodyTest, MassesFrictionsSizesAndColoursChangeAndAStatePutsThemBack) {
  BulletWorld world(WorldOptions{});
  world.AddStaticBox(btVector3(1, 1, 0.1), btVector3(0, 0, -0.1), 0.5);
  Body* cube = world.AddBox({0.1, 0.1, 0.1}, 2, At(0, 0, 0.05));
  BodyOptions aside = NoDrag(true);
  aside.base_pose.setOrigin(btVector3(5, 0, 0));
  Body* arm = world.AddBody(TestArm(), aside);
  WorldState start;
  world.SaveState(&start);
  const int64_t looks = world.looks_version();
  cube->SetMass(kBase, 5);
  cube->SetSize({0.2, 0.3, 0.4});
  cube->SetFriction(kAllLinks, 0.9);
  cube->SetColour(kBase, {1, 0, 0, 1});
  arm->SetMass(arm->Link("hand"), 1);
  world.SetGravity(btVector3(0, 0, -5));
  EXPECT_GT(world.looks_version(), looks);
  btTransform pose = btTransform::getIdentity();
  pose.setOrigin(btVector3(0, 0, 0.21));
  cube->SetBasePose(pose);
  for (int i = 0; i < 300; ++i) world.Step();
  EXPECT_NEAR(world.Contacts(*cube).NormalForce(), 5 * 5, 0.2);
  EXPECT_NEAR(cube->LinkPose(kBase).getOrigin().z(), 0.2, 2e-3);
  Scene scene;
  AppendToScene(*cube, &scene);
  EXPECT_EQ(scene.shapes[0].size, (std::array<double, 3>{0.2, 0.3, 0.4}));
  EXPECT_EQ(scene.shapes[0].colour, (Colour{1, 0, 0, 1}));
  EXPECT_NEAR(arm->TotalMass(), 7, 1e-12);

  world.RestoreState(start);
  EXPECT_EQ(cube->mass(kBase), 2);
  EXPECT_EQ(arm->mass(arm->Link("hand")), 0.5);
  EXPECT_EQ(cube->size(), (std::array<double, 3>{0.1, 0.1, 0.1}));
  EXPECT_EQ(cube->contact_material(kBase).friction, 0.5);
  EXPECT_FALSE(cube->colour(kBase).has_value());
  for (int i = 0; i < 300; ++i) world.Step();
  EXPECT_NEAR(world.Contacts(*cube).NormalForce(), 2 * 9.81, 0.1);
  EXPECT_NE(MessageOf([&] { cube->SetMass(kBase, -1); }), "");
  EXPECT_NE(MessageOf([&] { cube->SetMass(kBase, NAN); }), "");
  EXPECT_NE(MessageOf([&] { cube->SetSize({0, 1, 1}); }), "");
  EXPECT_NE(MessageOf([&] { arm->SetSize({1, 1, 1}); }), "");
  EXPECT_NE(MessageOf([&] { cube->SetFriction(kBase, -1); }), "");
}

TEST(BodyTest, WhatWouldGiveNaNIsRefused) {
  BulletWorld world(WorldOptions{});
  auto massless = std::make_shared<BodyModel>();
  massless->base.name = "ghost";
  EXPECT_NE(MessageOf([&] { world.AddBody(massless, At(0, 0, 1)); }).find("'ghost'"),
            std::string::npos);
  EXPECT_NE(MessageOf([&] { world.AddBox({0.1, 0.1, -0.1}, 1, At(0, 0, 1)); }), "");
  EXPECT_NE(MessageOf([&] { world.AddSphere(0.1, NAN, At(0, 0, 1)); }), "");
  HeightField field;
  field.rows = field.columns = 2;
  field.heights = std::make_shared<const std::vector<float>>(std::vector<float>{0, 0, 0, NAN});
  EXPECT_NE(MessageOf([&] { world.AddHeightField(field, BodyOptions{}); }), "");
}

TEST(BodyTest, AnObjectRestsOnATerrainAtItsHeights) {
  BulletWorld world(WorldOptions{});
  HeightField field;
  field.rows = 11;
  field.columns = 21;
  field.cell_x_m = 0.2;
  field.cell_y_m = 0.3;
  auto heights = std::make_shared<std::vector<float>>();
  for (int row = 0; row < field.rows; ++row) {
    for (int column = 0; column < field.columns; ++column) {
      heights->push_back(column >= 14 ? 0.5f : row >= 8 ? 0.3f : 0.1f);
    }
  }
  field.heights = heights;
  BodyOptions options;
  options.base_pose.setOrigin(btVector3(0, 0, 1));
  world.AddHeightField(field, options);
  const Body* low = world.AddSphere(0.1, 1, At(0, 0, 1.3));
  const Body* right = world.AddSphere(0.1, 1, At(1.5, 0, 1.7));
  const Body* back = world.AddSphere(0.1, 1, At(-0.5, 1.2, 1.5));
  for (int i = 0; i < 400; ++i) world.Step();
  EXPECT_NEAR(low->LinkPose(kBase).getOrigin().z(), 1.2, 5e-3);
  EXPECT_NEAR(right->LinkPose(kBase).getOrigin().z(), 1.6, 5e-3);
  EXPECT_NEAR(back->LinkPose(kBase).getOrigin().z(), 1.4, 5e-3);
}

// Drake's box flip-up moves in x, z and theta only: two slides and a pin, whose links between have
// no mass.
TEST(BodyTest, APlanarBodyIsTwoSlidesAndAPin) {
  auto model = std::make_shared<BodyModel>(*TestArm());
  model->base = LinkModel();
  model->base.name = "plane";
  const auto box = *ParseUrdf(
      "<robot name='b'><link name='box'><inertial><mass value='1'/><inertia ixx='0.0017' ixy='0' "
      "ixz='0' iyy='0.0017' iyz='0' izz='0.0017'/></inertial><collision><geometry>"
      "<box size='0.1 0.1 0.1'/></geometry></collision></link></robot>",
      "", UrdfOptions{});
  LinkModel x, z, turn = box->base;
  x.name = x.joint_name = "x";
  x.joint_type = z.joint_type = JointType::kPrismatic;
  z.name = z.joint_name = "z";
  z.axis = btVector3(0, 0, 1);
  z.parent = 0;
  turn.joint_name = "turn";
  turn.joint_type = JointType::kRevolute;
  turn.axis = btVector3(0, 1, 0);
  turn.parent = 1;
  model->links = {x, z, turn};
  WorldOptions options;
  options.time_step_s = 0.002;
  BulletWorld world(options);
  world.AddStaticBox(btVector3(2, 2, 0.1), btVector3(0, 0, -0.1), 0.8);
  BodyOptions fixed;
  fixed.fixed_base = true;
  Body* planar = world.AddBody(model, fixed);
  Body* free = world.AddBox({0.1, 0.1, 0.1}, 1, At(1, 0, 0.3));
  planar->SetJoints({0, 0.3, 0.5}, {0.2, 0, 1});
  free->SetBasePose(btTransform(btQuaternion(btVector3(0, 1, 0), 0.5), btVector3(1, 0, 0.3)));
  free->SetBaseVelocity(btVector3(0.2, 0, 0), btVector3(0, 1, 0));
  for (int i = 0; i < 100; ++i) world.Step();
  // In the air it moves as a free box does.
  EXPECT_NEAR(planar->LinkPose(2).getOrigin().z(), free->LinkPose(kBase).getOrigin().z(), 1e-3);
  EXPECT_NEAR(planar->LinkAngularVelocity(2).y(), free->LinkAngularVelocity(kBase).y(), 1e-2);
  for (int i = 0; i < 1500; ++i) world.Step();
  EXPECT_NEAR(planar->LinkPose(2).getOrigin().z(), 0.05, 2e-3);
  EXPECT_NEAR(std::remainder(planar->joint_position(2), M_PI / 2), 0, 1e-2);
  EXPECT_EQ(planar->LinkPose(2).getOrigin().y(), 0);
  EXPECT_NEAR(world.Contacts(*planar).NormalForce(), 9.81, 0.1);
}

TEST(SceneWriterTest, EveryLinkWithShapesIsABodyOfTheScene) {
  BulletWorld world(WorldOptions{});
  world.AddStaticBox(btVector3(1, 1, 0.1), btVector3(0, 0, -0.1), 0.5);
  world.AddBody(TestArm(), NoDrag(true));
  Scene scene;
  AppendToScene(world, &scene);
  ASSERT_EQ(scene.bodies.size(), 3);
  EXPECT_EQ(scene.bodies[0].name, "box");
  EXPECT_EQ(scene.bodies[1].name, "arm/base");
  EXPECT_EQ(scene.bodies[2].name, "arm/hand");
  EXPECT_EQ(scene.shapes[2].body, 2);
  SceneView view;
  AppendPoses(world, &view);
  ASSERT_EQ(view.poses.size(), 3);
  EXPECT_NEAR(view.poses[0][2], -0.1, 1e-12);
}

}  // namespace
}  // namespace armature
