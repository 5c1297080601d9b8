// A world that takes a saved state goes on as the one that was saved, to the last bit.

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/random/rng.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/bullet/model_folder.h"
#include "envserver/bullet/testing/robots.h"
#include "envserver/bullet/urdf.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr int kSteps = 100;

std::shared_ptr<const BodyModel> Panda() {
  const auto folder = FindModelFolder("franka_panda", "pybullet_data/pybullet_data/franka_panda");
  if (!folder.ok()) ADD_FAILURE() << folder.status();
  static const auto* model = new std::shared_ptr<const BodyModel>(
      *LoadUrdf(*folder + "/panda.urdf", {InertiaSource::kCollisionBox}));
  return *model;
}

// A pile of everything, made from `seed`, with actions drawn as it goes.
class Pile {
 public:
  explicit Pile(uint64_t seed) : world_(Options()) {
    Rng rng({seed});
    AddGround(rng.Index(3));
    Body* pusher = world_.AddBox({0.2, 0.2, 0.2}, 0, At(rng, 0.1, /*kinematic=*/true));
    pusher_ = pusher->id();
    for (int i = 0; i < 12; ++i) AddObject(rng, i);
    BodyOptions arm = At(rng, 0, false);
    arm.base_pose.setIdentity();
    arm.base_pose.setOrigin(btVector3(-0.5, 0, 0));
    arm.fixed_base = true;
    arm.effort_limits = false;
    arm.mimic_joints = seed % 2 == 0;
    panda_ = world_.AddBody(Panda(), arm);
    ContactMaterial finger;
    finger.friction = 1;
    finger.spinning_friction = 0.001;
    finger.stiffness = 3e4;
    finger.damping = 1e3;
    finger.friction_anchor = true;
    panda_->SetContactMaterial(panda_->Link("panda_leftfinger"), finger);
    robot_ = world_.AddBody(TestLegged(), At(rng, 0.5, false));
    world_.SaveState(&start_);
  }

  BulletWorld& world() { return world_; }

  // Begins an episode with its own masses, frictions, sizes and places.
  void Reset(uint64_t seed) {
    world_.RestoreState(start_);
    Rng rng({seed, 5});
    for (int i = 0; i < world_.num_bodies(); ++i) {
      Body& body = world_.body(i);
      if (!body.has_size() || body.has_fixed_base() || body.is_kinematic()) continue;
      body.SetMass(kBase, rng.Uniform(0.2, 3));
      body.SetFriction(kAllLinks, rng.Uniform(0.1, 1));
      std::array<double, 3> size = body.size();
      for (double& each : size) each *= rng.Uniform(0.8, 1.2);
      body.SetSize(size);
    }
    panda_->SetJointPosition(panda_->Joint("panda_joint4"), rng.Uniform(-2.5, -1.5));
    world_.SetGravity(btVector3(0, rng.Uniform(-1, 1), -9.81));
  }

  // Steps with actions drawn from `seed`; returns all that can be seen of each step.
  std::string Run(uint64_t seed, int steps) {
    Rng rng({seed, 9});
    std::string seen;
    for (int i = 0; i < steps; ++i) {
      Act(rng);
      world_.Step();
      Record(&seen);
    }
    return seen;
  }

  std::string Save() const {
    std::string bytes;
    world_.SaveState(&bytes);
    return bytes;
  }

 private:
  static WorldOptions Options() {
    WorldOptions options;
    options.time_step_s = 1.0 / 300;
    return options;
  }

  static BodyOptions At(Rng& rng, double height, bool kinematic) {
    BodyOptions options;
    options.kinematic = kinematic;
    options.base_pose.setOrigin(btVector3(rng.Uniform(-0.3, 0.3), rng.Uniform(-0.3, 0.3), height));
    options.base_pose.setRotation(
        btQuaternion(rng.Uniform(-1, 1), rng.Uniform(-1, 1), rng.Uniform(-1, 1)));
    if (kinematic) options.base_pose.getBasis().setIdentity();
    return options;
  }

  void AddGround(int64_t kind) {
    if (kind == 0) world_.AddStaticBox(btVector3(2, 2, 0.1), btVector3(0, 0, -0.1), 0.5);
    if (kind == 1) world_.AddPlane(BodyOptions{});
    if (kind == 2) {
      HeightField field;
      field.rows = field.columns = 30;
      auto heights = std::make_shared<std::vector<float>>();
      for (int i = 0; i < 900; ++i) {
        heights->push_back(0.03f * std::sin(0.7f * (i / 30)) * std::cos(0.5f * (i % 30)));
      }
      field.heights = heights;
      world_.AddHeightField(field, BodyOptions{});
    }
  }

  void AddObject(Rng& rng, int i) {
    const BodyOptions options = At(rng, 0.2 + 0.06 * i, false);
    const double a = rng.Uniform(0.05, 0.1), b = rng.Uniform(0.05, 0.15), mass = 0.5;
    if (i % 4 == 0) world_.AddBox({a, b, a}, mass, options);
    if (i % 4 == 1) world_.AddSphere(a / 2, mass, options);
    if (i % 4 == 2) world_.AddCapsule(a / 2, b, mass, options);
    if (i % 4 == 3) world_.AddCylinder(a / 2, b, mass, options);
  }

  void Act(Rng& rng) {
    for (int dof = 0; dof < panda_->num_dofs(); ++dof) {
      MotorTarget target;
      target.position = panda_->joint_position(dof) + rng.Uniform(-0.3, 0.3);
      target.kp = 0.1;
      target.force_max = 80;
      if (rng.Uniform(0, 1) < 0.2) panda_->SetMotor(dof, target);
    }
    robot_->AddJointForce(0, rng.Uniform(-10, 10));
    world_.body(pusher_ + 1).AddForce(kBase, btVector3(rng.Uniform(-2, 2), 0, 1));
    if (rng.Uniform(0, 1) < 0.1) {
      robot_->HoldForce(0, btVector3(rng.Uniform(-5, 5), 0, 0), btVector3(0, 0, 0));
    }
    Body& pusher = world_.body(pusher_);
    if (rng.Uniform(0, 1) < 0.1) {
      pusher.SetBaseVelocity(btVector3(rng.Uniform(-0.3, 0.3), rng.Uniform(-0.3, 0.3), 0),
                             btVector3(0, 0, rng.Uniform(-1, 1)));
    }
  }

  void Record(std::string* seen) {
    const auto add = [&](const void* value, size_t size) {
      seen->append(static_cast<const char*>(value), size);
    };
    const auto vector = [&](const btVector3& v) { add(&v.m_floats[0], 3 * sizeof(double)); };
    for (int i = 0; i < world_.num_bodies(); ++i) {
      Body& body = world_.body(i);
      for (int link = kBase; link < body.num_links(); ++link) {
        vector(body.LinkPose(link).getOrigin());
        for (int row = 0; row < 3; ++row) vector(body.LinkPose(link).getBasis()[row]);
        vector(body.LaggedLinkPose(link).getOrigin());
        vector(body.LinkVelocity(link));
      }
      for (int dof = 0; dof < body.num_dofs(); ++dof) {
        const double motor = body.MotorForce(dof);
        add(&motor, sizeof(motor));
      }
    }
    for (const ContactPoint& contact : world_.contacts()) {
      const int ids[] = {contact.body_a, contact.link_a, contact.body_b, contact.link_b};
      add(ids, sizeof(ids));
      vector(contact.position_on_b);
      vector(contact.normal_on_b);
      vector(contact.friction_force);
      add(&contact.normal_force, sizeof(double));
    }
  }

  BulletWorld world_;
  int pusher_ = 0;
  Body* panda_;
  Body* robot_;
  WorldState start_;
};

class ExactStateTest : public testing::TestWithParam<int> {};

TEST_P(ExactStateTest, ARestoredRunGoesOnToTheLastBit) {
  const uint64_t seed = GetParam();
  Pile pile(seed), fresh(seed), undisturbed(seed);
  Rng rng({seed, 3});
  pile.Reset(seed);
  undisturbed.Reset(seed);
  const int before = 100 + static_cast<int>(rng.Index(300));
  pile.Run(1, before);
  undisturbed.Run(1, before);
  const std::string saved = pile.Save();
  const int contacts = static_cast<int>(pile.world().contacts().size());
  EXPECT_GT(contacts, 0);
  const std::string expected = pile.Run(2, kSteps);
  EXPECT_TRUE(undisturbed.Run(2, kSteps) == expected) << "saving has disturbed the run";

  EXPECT_EQ(pile.world().RestoreState(saved), absl::OkStatus());
  EXPECT_TRUE(pile.Save() == saved) << "restored and saved again";
  EXPECT_TRUE(pile.Run(2, kSteps) == expected) << "restored at once";
  for (uint64_t other = 50; other < 53; ++other) {
    pile.Reset(other);
    pile.Run(other, 30 + static_cast<int>(other));
    ASSERT_EQ(pile.world().RestoreState(saved), absl::OkStatus());
    EXPECT_TRUE(pile.Run(2, kSteps) == expected) << "after an episode of seed " << other;
  }
  ASSERT_EQ(fresh.world().RestoreState(saved), absl::OkStatus());
  EXPECT_TRUE(fresh.Run(2, kSteps) == expected) << "in a new world";
}

TEST_P(ExactStateTest, AStateWithoutItsContactsGoesOnDifferently) {
  // Otherwise the test above would show nothing about contacts.
  const uint64_t seed = GetParam();
  Pile pile(seed);
  pile.Reset(seed);
  pile.Run(1, 250);
  WorldState state;
  pile.world().SaveState(&state);
  const std::string expected = pile.Run(2, kSteps);
  pile.world().RestoreState(state);
  EXPECT_TRUE(pile.Run(2, kSteps) == expected);
  state.contacts = ContactCache();
  pile.world().RestoreState(state);
  EXPECT_FALSE(pile.Run(2, kSteps) == expected);
}

INSTANTIATE_TEST_SUITE_P(Piles, ExactStateTest, testing::Range(0, 12));

TEST(ExactStateTest, QueriesDoNotDisturbARun) {
  Pile alone(1), asked(1);
  for (int i = 0; i < 250; ++i) {
    BulletWorld& world = asked.world();
    const Body& robot = world.body(world.num_bodies() - 1);
    for (int k = 0; k + 1 < world.num_bodies(); ++k) {
      world.Distance(world.body(k), kAllLinks, robot, kAllLinks, 1);
    }
    asked.Save();
    std::vector<double> matrix(robot.num_velocities() * robot.num_velocities());
    robot.MassMatrix(absl::MakeSpan(matrix));
    // Makes lagged poses current, which a run records, but which must not change what follows.
    if (i < 200) world.body(world.num_bodies() - 1).UpdatePoses();
    const std::string expected = alone.Run(i, 1);
    ASSERT_TRUE(asked.Run(i, 1) == expected) << i;
  }
  EXPECT_FALSE(alone.world().contacts().empty());
}

TEST(ExactStateTest, DamagedOrForeignBytesAreRefusedAndChangeNothing) {
  Pile pile(2), same(2), foreign(3);
  pile.Run(1, 200);
  same.Run(1, 200);
  const std::string saved = pile.Save();
  Rng rng({8});
  pile.Run(2, 50);
  const std::string now = pile.Save();
  const auto refused = [&](const std::string& bytes) {
    const absl::Status status = pile.world().RestoreState(bytes);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bytes.size();
    return pile.Save() == now;
  };
  EXPECT_TRUE(refused(""));
  EXPECT_TRUE(refused(saved.substr(0, saved.size() - 1)));
  EXPECT_TRUE(refused(saved + "x"));
  for (int i = 0; i < 200; ++i) {
    std::string damaged = saved;
    damaged[rng.Index(static_cast<int64_t>(saved.size()))] ^= 1 << rng.Index(8);
    EXPECT_TRUE(refused(damaged)) << i;
  }
  BulletWorld empty(WorldOptions{});
  std::string other;
  empty.SaveState(&other);
  EXPECT_TRUE(refused(other));
  EXPECT_EQ(pile.world().RestoreState(saved), absl::OkStatus());
}

}  // namespace
}  // namespace armature
