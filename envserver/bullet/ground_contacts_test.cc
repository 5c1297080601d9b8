#include "envserver/bullet/ground_contacts.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "BulletCollision/BroadphaseCollision/btCollisionAlgorithm.h"
#include "BulletCollision/CollisionDispatch/btCollisionDispatcher.h"
#include "BulletCollision/CollisionDispatch/btCollisionObject.h"
#include "BulletCollision/CollisionDispatch/btCollisionObjectWrapper.h"
#include "BulletCollision/CollisionDispatch/btDefaultCollisionConfiguration.h"
#include "BulletCollision/CollisionDispatch/btManifoldResult.h"
#include "BulletCollision/CollisionShapes/btCompoundShape.h"
#include "BulletCollision/CollisionShapes/btConvexHullShape.h"
#include "BulletCollision/CollisionShapes/btStaticPlaneShape.h"
#include "common/random/rng.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/bullet/height_field_shape.h"
#include "envserver/bullet/primitive.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using Kind = SceneShape::Kind;

constexpr double kGravity = 9.81;

// `height`: of column and row. Cells of 0.1 m.
template <typename Height>
HeightField MakeField(int columns, int rows, Height height) {
  auto heights = std::make_shared<std::vector<float>>();
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      heights->push_back(static_cast<float>(height(column, row)));
    }
  }
  HeightField field;
  field.columns = columns;
  field.rows = rows;
  field.heights = std::move(heights);
  return field;
}

// Contacts of two shapes, by our algorithm or by Bullet's.
class Contacts {
 public:
  explicit Contacts(bool ours) : dispatcher_(&configuration_) {
    if (ours) RegisterGroundContacts(&dispatcher_);
  }

  // How far `a` is from the ground, `b`, or 1 if there is no contact.
  double Distance(btCollisionObject& a, btCollisionObject& b, bool ground_first) {
    const btCollisionObjectWrapper shape(nullptr, a.getCollisionShape(), &a, a.getWorldTransform(),
                                         -1, -1);
    const btCollisionObjectWrapper ground(nullptr, b.getCollisionShape(), &b, b.getWorldTransform(),
                                          -1, -1);
    const btCollisionObjectWrapper& first = ground_first ? ground : shape;
    const btCollisionObjectWrapper& second = ground_first ? shape : ground;
    btCollisionAlgorithm* algorithm =
        dispatcher_.findAlgorithm(&first, &second, nullptr, BT_CONTACT_POINT_ALGORITHMS);
    btManifoldResult result(&first, &second);
    algorithm->processCollision(&first, &second, btDispatcherInfo(), &result);
    btManifoldArray manifolds;
    algorithm->getAllContactManifolds(manifolds);
    double distance = 1;
    for (int i = 0; i < manifolds.size(); ++i) {
      EXPECT_EQ(manifolds[i]->getBody0(), &a);
      for (int k = 0; k < manifolds[i]->getNumContacts(); ++k) {
        distance = std::min<double>(distance, manifolds[i]->getContactPoint(k).getDistance());
      }
    }
    algorithm->~btCollisionAlgorithm();
    dispatcher_.freeCollisionAlgorithm(algorithm);
    return distance;
  }

 private:
  btDefaultCollisionConfiguration configuration_;
  btCollisionDispatcher dispatcher_;
};

TEST(GroundContactsTest, OtherShapesThanSpheresAreAsFarFromRandomGroundAsBulletSays) {
  Contacts ours(true), bullet(false);
  Rng rng({1});
  const auto hull = std::make_shared<btConvexHullShape>();
  for (int i = 0; i < 12; ++i) {
    hull->addPoint(
        btVector3(rng.Uniform(-0.1, 0.1), rng.Uniform(-0.1, 0.1), rng.Uniform(-0.1, 0.1)));
  }
  const std::shared_ptr<btCollisionShape> shapes[] = {
      MakePrimitive(Kind::kBox, {0.3, 0.1, 0.2}), MakePrimitive(Kind::kCylinder, {0.03, 0.3, 0}),
      MakePrimitive(Kind::kCapsule, {0.04, 0.2, 0}), hull};
  const HeightField field = MakeField(9, 9, [&](int, int) { return rng.Uniform(-0.05, 0.05); });
  const auto [low, high] = std::minmax_element(field.heights->begin(), field.heights->end());
  HeightFieldShape ground_shape(field, *low, *high);
  btCollisionObject ground, other;
  ground.setCollisionShape(&ground_shape);
  int apart = 0, penetrating = 0;
  for (int i = 0; i < 20000; ++i) {
    other.setCollisionShape(shapes[i % 4].get());
    btQuaternion turn(rng.Uniform(-1, 1), rng.Uniform(-1, 1), rng.Uniform(-1, 1),
                      rng.Uniform(-1, 1));
    const btVector3 place(rng.Uniform(-0.2, 0.2), rng.Uniform(-0.2, 0.2), rng.Uniform(0, 0.2));
    other.setWorldTransform(btTransform(turn.normalized(), place));
    // The ground has a pose of its own, too.
    const btTransform tilt(btQuaternion(btVector3(1, 2, 3).normalized(), 0.3), place * 0.1);
    ground.setWorldTransform(i % 3 == 0 ? tilt : btTransform::getIdentity());
    const double distance = ours.Distance(other, ground, i % 2 == 0);
    const double expected = bullet.Distance(other, ground, i % 2 == 0);
    // Bullet rounds corners with the margin of 1 mm; its depths are of single triangles; and of two
    // points near each other it keeps the last, not the deepest.
    if (expected < -1e-3) {
      EXPECT_LT(distance, 0) << i;
      ++penetrating;
    } else if (expected < 1) {
      EXPECT_LT(distance, expected + 1e-3) << i;
      EXPECT_TRUE(distance <= 0 || distance > expected - 1e-3) << i;
      apart += distance > 0 ? 1 : 0;
    } else {
      EXPECT_GT(distance, 0) << i;
    }
  }
  EXPECT_GT(apart, 300);
  EXPECT_GT(penetrating, 1000);
}

// A link and the ground that move against each other, with contacts by our algorithms or Bullet's.
class Neighbours {
 public:
  Neighbours(bool ours, btCollisionShape* link, btCollisionShape* ground, bool ground_first)
      : dispatcher_(&configuration_), ground_first_(ground_first) {
    if (ours) RegisterGroundContacts(&dispatcher_);
    link_.setCollisionShape(link);
    ground_.setCollisionShape(ground);
  }
  ~Neighbours() {
    if (algorithm_ == nullptr) return;
    algorithm_->~btCollisionAlgorithm();
    dispatcher_.freeCollisionAlgorithm(algorithm_);
  }

  // Points of all manifolds, in order.
  std::vector<btManifoldPoint> Move(const btTransform& link, const btTransform& ground) {
    link_.setWorldTransform(link);
    ground_.setWorldTransform(ground);
    const btCollisionObjectWrapper of_link(nullptr, link_.getCollisionShape(), &link_, link, -1,
                                           -1);
    const btCollisionObjectWrapper of_ground(nullptr, ground_.getCollisionShape(), &ground_, ground,
                                             -1, -1);
    const btCollisionObjectWrapper& first = ground_first_ ? of_ground : of_link;
    const btCollisionObjectWrapper& second = ground_first_ ? of_link : of_ground;
    if (algorithm_ == nullptr) {
      algorithm_ = dispatcher_.findAlgorithm(&first, &second, nullptr, BT_CONTACT_POINT_ALGORITHMS);
    }
    btManifoldResult result(&first, &second);
    algorithm_->processCollision(&first, &second, btDispatcherInfo(), &result);
    btManifoldArray manifolds;
    algorithm_->getAllContactManifolds(manifolds);
    std::vector<btManifoldPoint> points;
    for (int i = 0; i < manifolds.size(); ++i) {
      EXPECT_EQ(manifolds[i]->getBody0(), &link_);
      for (int k = 0; k < manifolds[i]->getNumContacts(); ++k) {
        points.push_back(manifolds[i]->getContactPoint(k));
      }
    }
    return points;
  }

 private:
  btDefaultCollisionConfiguration configuration_;
  btCollisionDispatcher dispatcher_;
  const bool ground_first_;
  btCollisionObject link_, ground_;
  btCollisionAlgorithm* algorithm_ = nullptr;
};

TEST(GroundContactsTest, ALinkOnAPlaneHasTheContactsThatBulletFinds) {
  Rng rng({2});
  btConvexHullShape hull;
  for (int i = 0; i < 12; ++i) {
    hull.addPoint(
        btVector3(rng.Uniform(-0.1, 0.1), rng.Uniform(-0.1, 0.1), rng.Uniform(-0.1, 0.1)));
  }
  const std::shared_ptr<btCollisionShape> box = MakePrimitive(Kind::kBox, {0.3, 0.1, 0.2});
  const std::shared_ptr<btCollisionShape> ball = MakePrimitive(Kind::kSphere, {0.05, 0, 0});
  const std::shared_ptr<btCollisionShape> shank = MakePrimitive(Kind::kCylinder, {0.03, 0.3, 0});
  btCompoundShape link;
  link.addChildShape(btTransform(btQuaternion(btVector3(0, 1, 0), 0.4), {0.1, 0, 0}), box.get());
  link.addChildShape(btTransform(btQuaternion::getIdentity(), {0, 0.1, -0.1}), ball.get());
  link.addChildShape(btTransform(btQuaternion(btVector3(1, 0, 0), 1), {-0.2, 0, 0}), shank.get());
  link.addChildShape(btTransform(btQuaternion::getIdentity(), {0, -0.2, 0}), &hull);
  btStaticPlaneShape plane(btVector3(0, 0, 1), 0.01);
  for (const bool ground_first : {false, true}) {
    for (const double tilt : {0.0, 0.3}) {
      Neighbours ours(true, &link, &plane, ground_first);
      Neighbours bullet(false, &link, &plane, ground_first);
      const btTransform ground(btQuaternion(btVector3(1, 2, 0).normalized(), tilt),
                               {0.1, 0.2, 0.3});
      btTransform pose = btTransform::getIdentity();
      int compared = 0, old = 0;
      for (int i = 0; i < 5000; ++i) {
        // Rolls and slides, so that points age, and now and then is somewhere else.
        if (i % 50 == 0) {
          const btQuaternion turn(rng.Uniform(-1, 1), rng.Uniform(-1, 1), rng.Uniform(-1, 1),
                                  rng.Uniform(-1, 1));
          pose = ground * btTransform(turn.normalized(), {0, 0, rng.Uniform(0, 0.3)});
        }
        pose.setOrigin(pose.getOrigin() + btVector3(rng.Uniform(-3e-3, 3e-3),
                                                    rng.Uniform(-3e-3, 3e-3),
                                                    rng.Uniform(-3e-3, 3e-3)));
        const btVector3 axis(rng.Uniform(-1, 1), rng.Uniform(-1, 1), rng.Uniform(-1, 1));
        pose.setRotation(btQuaternion(axis.normalized(), 0.02) * pose.getRotation());
        const std::vector<btManifoldPoint> got = ours.Move(pose, ground);
        const std::vector<btManifoldPoint> expected = bullet.Move(pose, ground);
        ASSERT_EQ(got.size(), expected.size()) << i;
        for (size_t k = 0; k < got.size(); ++k) {
          ASSERT_NEAR(got[k].getDistance(), expected[k].getDistance(), 1e-12) << i;
          ASSERT_LT((got[k].m_positionWorldOnA - expected[k].m_positionWorldOnA).length(), 1e-12);
          ASSERT_LT((got[k].m_positionWorldOnB - expected[k].m_positionWorldOnB).length(), 1e-12);
          ASSERT_LT((got[k].m_normalWorldOnB - expected[k].m_normalWorldOnB).length(), 1e-12);
          ASSERT_EQ(got[k].m_index0, expected[k].m_index0);
          ++compared;
          old += got[k].getLifeTime() > 2 ? 1 : 0;
        }
      }
      EXPECT_GT(compared, 5000);
      EXPECT_GT(old, 500);
    }
  }
}

WorldOptions FineWorld() {
  WorldOptions options;
  options.time_step_s = 0.002;
  return options;
}

BodyOptions At(const btVector3& place) {
  BodyOptions options;
  options.base_pose.setOrigin(place);
  options.linear_damping = options.angular_damping = 0;
  options.friction = 1;
  return options;
}

TEST(GroundContactsTest, ABallRollsOverLevelGroundAsOverAPlane) {
  BulletWorld with_plane(FineWorld()), with_field(FineWorld());
  with_plane.AddPlane(BodyOptions{});
  with_field.AddHeightField(MakeField(41, 41, [](int, int) { return 0; }), BodyOptions{});
  std::vector<Body*> balls;
  for (BulletWorld* world : {&with_plane, &with_field}) {
    balls.push_back(world->AddSphere(0.05, 1, At(btVector3(-0.7, -0.4, 0.06))));
    balls.back()->SetBaseVelocity(btVector3(1, 0.6, 0), btVector3(0, 0, 0));
  }
  for (int i = 0; i < 600; ++i) {
    with_plane.Step();
    with_field.Step();
    const btVector3 plane = balls[0]->LinkPose(kBase).getOrigin();
    ASSERT_LT((balls[1]->LinkPose(kBase).getOrigin() - plane).length(), 1e-7) << i;
    ASSERT_EQ(with_field.contacts().size(), with_plane.contacts().size()) << i;
  }
  EXPECT_GT(balls[1]->LinkPose(kBase).getOrigin().x(), 0);
}

TEST(GroundContactsTest, ABallRollsDownASlopeAsNewtonSays) {
  const double slope = 0.3, angle = std::atan(slope), radius = 0.05;
  BulletWorld world(FineWorld());
  world.AddHeightField(MakeField(61, 5, [&](int column, int) { return -0.1 * slope * column; }),
                       BodyOptions{});
  const double x = -2.5, ground = -0.1 * slope * 5;
  const btVector3 normal(std::sin(angle), 0, std::cos(angle));
  Body* ball = world.AddSphere(radius, 1, At(btVector3(x, 0.01, ground) + radius * normal));
  const btVector3 start = ball->LinkPose(kBase).getOrigin();
  double force = 0;
  for (int i = 0; i < 700; ++i) {
    world.Step();
    force += world.Contacts(*ball).NormalForce() / 700;
  }
  const double time = 700 * 0.002;
  const btVector3 moved = ball->LinkPose(kBase).getOrigin() - start;
  const double expected = 0.5 * kGravity * std::sin(angle) / (1 + 2.0 / 5) * time * time;
  EXPECT_NEAR(moved.length(), expected, 0.01 * expected);
  EXPECT_NEAR(moved.dot(normal), 0, 1e-3);
  EXPECT_NEAR(force, kGravity * std::cos(angle), 0.02 * kGravity);
}

TEST(GroundContactsTest, ABallRestsInAFurrowOnBothOfItsSides) {
  const double slope = 0.5, radius = 0.06;
  BulletWorld world(FineWorld());
  BodyOptions turned;
  turned.base_pose.setRotation(btQuaternion(btVector3(0, 0, 1), M_PI / 2));
  turned.base_pose.setOrigin(btVector3(1, 2, 3));
  world.AddHeightField(
      MakeField(21, 21, [&](int column, int) { return 0.1 * slope * std::abs(column - 10); }),
      turned);
  Body* ball = world.AddSphere(radius, 2, At(btVector3(1, 2.03, 3.15)));
  for (int i = 0; i < 3000; ++i) world.Step();
  const btVector3 place = ball->LinkPose(kBase).getOrigin();
  EXPECT_NEAR(place.y(), 2, 1e-3);
  EXPECT_NEAR(place.z() - 3, radius * std::hypot(1, slope), 1e-3);
  ASSERT_EQ(world.Contacts(*ball).size(), 2);
  EXPECT_NEAR(world.Contacts(*ball).Force().z(), 2 * kGravity, 0.2);
}

TEST(GroundContactsTest, OtherShapesRestAcrossTwoRidges) {
  const HeightField field =
      MakeField(21, 21, [](int column, int) { return column == 7 || column == 13 ? 0.1 : 0; });
  for (const Kind kind : {Kind::kBox, Kind::kCylinder, Kind::kCapsule}) {
    BulletWorld world(FineWorld());
    world.AddHeightField(field, BodyOptions{});
    BodyOptions lying = At(btVector3(0.02, 0.03, 0.15));
    // Cylinders have their length along z, and would roll.
    lying.base_pose.setRotation(btQuaternion(btVector3(0, 1, 0), M_PI / 2));
    lying.angular_damping = 0.5;
    Body* body = kind == Kind::kBox        ? world.AddBox({0.04, 0.1, 0.8}, 2, lying)
                 : kind == Kind::kCylinder ? world.AddCylinder(0.02, 0.8, 2, lying)
                                           : world.AddCapsule(0.02, 0.8, 2, lying);
    double force = 0;
    for (int i = 0; i < 1000; ++i) {
      world.Step();
      if (i >= 500) force += world.Contacts(*body).Force().z() / 500;
    }
    const btTransform pose = body->LinkPose(kBase);
    EXPECT_NEAR(pose.getOrigin().z(), 0.12, 2e-3) << static_cast<int>(kind);
    EXPECT_NEAR(std::abs(pose.getBasis().getColumn(2).x()), 1, 1e-3) << static_cast<int>(kind);
    EXPECT_NEAR(force, 2 * kGravity, 0.5) << static_cast<int>(kind);
  }
}

TEST(GroundContactsTest, WhatIsAboveTheGroundBelowItIsNoPair) {
  // 2 m high in the middle.
  const HeightField field =
      MakeField(41, 41, [](int column, int row) { return column == 20 && row == 20 ? 2 : 0; });
  const auto num_pairs = [&](const btVector3& place, double yaw) {
    BulletWorld world(FineWorld());
    BodyOptions options;
    options.base_pose.setRotation(btQuaternion(btVector3(0, 0, 1), yaw));
    world.AddHeightField(field, options);
    world.AddSphere(0.05, 1, At(place));
    world.Step();
    WorldState state;
    world.SaveState(&state);
    return state.contacts.pairs.size();
  };
  for (const double yaw : {0.0, 0.7}) {
    EXPECT_EQ(num_pairs(btVector3(1, 0.5, 0.2), yaw), 0u) << "in the air";
    EXPECT_EQ(num_pairs(btVector3(1, 0.5, 0.06), yaw), 1u) << "near the ground";
    EXPECT_EQ(num_pairs(btVector3(0, 0, 1), yaw), 1u) << "at the peak";
    EXPECT_EQ(num_pairs(btVector3(1, 0.5, -0.02), yaw), 1u) << "in the ground";
  }
}

}  // namespace
}  // namespace armature
