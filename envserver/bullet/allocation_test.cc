// Steady steps allocate nothing: every call of malloc in this process is counted.

#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <vector>

#include "envserver/bullet/bullet_world.h"
#include "envserver/bullet/testing/allocations.h"
#include "envserver/bullet/testing/robots.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

// A heap that is stirred: contacts come and go all the time.
class Heap {
 public:
  explicit Heap(bool terrain) : world_(WorldOptions{}) {
    if (terrain) {
      HeightField field;
      field.rows = field.columns = 20;
      auto heights = std::make_shared<std::vector<float>>();
      for (int i = 0; i < 400; ++i) heights->push_back(0.05f * std::sin(0.9f * i));
      field.heights = heights;
      world_.AddHeightField(field, BodyOptions{});
    } else {
      world_.AddStaticBox(btVector3(2, 2, 0.1), btVector3(0, 0, -0.1), 0.5);
    }
    for (const double side : {-0.55, 0.55}) {
      world_.AddStaticBox(btVector3(0.1, 1, 1), btVector3(side, 0, 1), 0.5);
      world_.AddStaticBox(btVector3(1, 0.1, 1), btVector3(0, side, 1), 0.5);
    }
    for (int i = 0; i < 3; ++i) {
      BodyOptions options;
      options.base_pose.setOrigin(btVector3(0.05 * i, 0.05 * i, 0.3 + 0.3 * i));
      legged_.push_back(world_.AddBody(TestLegged(), options));
      options.base_pose.setOrigin(btVector3(0.3, 0.05 * i, 0.1 + 0.25 * i));
      world_.AddBox({0.1, 0.1, 0.1}, 0.5, options);
      options.base_pose.setOrigin(btVector3(-0.3, 0.05 * i, 0.1 + 0.25 * i));
      world_.AddCapsule(0.05, 0.1, 0.5, options);
    }
  }

  void Step(int t) {
    for (size_t i = 0; i < legged_.size(); ++i) {
      MotorTarget target;
      target.position = std::sin(0.05 * t + static_cast<double>(i));
      target.kp = 0.1;
      target.force_max = 20;
      legged_[i]->SetMotor(0, target);
      legged_[i]->AddForce(kBase, btVector3(15 * std::sin(0.1 * t), 0, 0));
    }
    world_.Step();
    contacts_ += static_cast<long>(world_.contacts().size());
    for (Body* body : legged_) {
      sum_ += world_.Contacts(*body).NormalForce() + body->joint_positions()[0] +
              body->LinkPose(0).getOrigin().z();
      sum_ += world_.Distance(*body, kBase, world_.body(6), kBase, 1).distance;
    }
  }

  long contacts() const { return contacts_; }

 private:
  BulletWorld world_;
  std::vector<Body*> legged_;
  double sum_ = 0;
  long contacts_ = 0;
};

class AllocationTest : public testing::TestWithParam<bool> {};

TEST_P(AllocationTest, ASteadyHeapStepsAndAnswersWithoutAllocation) {
  Heap heap(GetParam());
  for (int t = 0; t < 2000; ++t) heap.Step(t);
  const long before = Allocations();
  for (int t = 2000; t < 2300; ++t) heap.Step(t);
  EXPECT_EQ(Allocations() - before, 0) << "in 300 steps";
  EXPECT_GT(heap.contacts(), 10 * 2300);
}

INSTANTIATE_TEST_SUITE_P(Grounds, AllocationTest, testing::Bool());

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(AllocationTest, TheCountCountsNewAndMalloc) {
  const long before = Allocations();
  const auto number = std::make_unique<std::vector<double>>(100);
  void* volatile memory = std::malloc(10);  // Volatile: or the compiler leaves both calls out.
  std::free(memory);
  EXPECT_EQ(Allocations() - before, 3);
}
#endif

TEST(AllocationTest, AResetAllocatesNothing) {
  BulletWorld world(WorldOptions{});
  world.AddStaticBox(btVector3(2, 2, 0.1), btVector3(0, 0, -0.1), 0.5);
  BodyOptions options;
  options.base_pose.setOrigin(btVector3(0, 0, 0.2));
  world.AddBody(TestLegged(), options);
  WorldState start;
  world.SaveState(&start);
  long before = 0;
  for (int episode = 0; episode < 20; ++episode) {
    if (episode == 10) before = Allocations();
    world.RestoreState(start);
    for (int t = 0; t < 100; ++t) world.Step();
  }
  EXPECT_EQ(Allocations() - before, 0);
}

}  // namespace
}  // namespace armature
