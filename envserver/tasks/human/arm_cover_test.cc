#include "envserver/tasks/human/arm_cover.h"

#include <vector>

#include "envserver/shield/schunk_arm.h"
#include "envserver/tasks/human/schunk_body.h"
#include "envserver/tasks/panda/panda_arm.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

std::vector<int> FirstLinks(const BodyModel& model, int count) {
  std::vector<int> links = model.MovingLinks();
  links.resize(count);
  return links;
}

// The same arm, whose capsules are all so much thinner.
ArmModel Thinner(const ArmModel& arm, double by) {
  std::vector<LinkCapsule> capsules = arm.capsules();
  for (LinkCapsule& capsule : capsules) capsule.shape.radius -= by;
  return *ArmModel::Create(arm.joints(), capsules);
}

TEST(ArmCoverTest, TheShieldsCapsulesHoldTheSchunk) {
  const BodyModel& body = *SchunkBody();
  const std::vector<int> links = FirstLinks(body, kSchunkJoints);
  EXPECT_TRUE(CheckCover(SchunkArm(), body, links).ok());
  EXPECT_FALSE(CheckCover(Thinner(SchunkArm(), 1e-4), body, links).ok());
}

TEST(ArmCoverTest, ACapsuleShapeIsItsOwnCover) {
  const BodyModel& body = *SchunkBody();
  const std::vector<int> links = FirstLinks(body, kSchunkJoints);
  const auto cover = CoverArm(body, links);
  ASSERT_TRUE(cover.ok()) << cover.status();
  for (int c = 0; c < 5; ++c) {
    EXPECT_NEAR(cover->capsules()[c].shape.radius, SchunkArm().capsules()[c].shape.radius, 1e-8);
    EXPECT_NEAR((cover->capsules()[c].shape.b - cover->capsules()[c].shape.a).norm(),
                (SchunkArm().capsules()[c].shape.b - SchunkArm().capsules()[c].shape.a).norm(),
                1e-6);
  }
}

TEST(ArmCoverTest, PandasMeshesAreHeldTightly) {
  const auto body = LoadPandaModel();
  ASSERT_TRUE(body.ok()) << body.status();
  const std::vector<int> links = FirstLinks(**body, 7);
  const auto cover = CoverArm(**body, links);
  ASSERT_TRUE(cover.ok()) << cover.status();
  EXPECT_TRUE(CheckCover(*cover, **body, links).ok());
  EXPECT_FALSE(CheckCover(Thinner(*cover, 1e-4), **body, links).ok());
  for (const LinkCapsule& capsule : cover->capsules()) {
    EXPECT_LT(capsule.shape.radius, 0.13);
    EXPECT_LT((capsule.shape.b - capsule.shape.a).norm(), 0.35);
  }
}

TEST(ArmCoverTest, RefusesWhatIsNoChain) {
  const BodyModel& body = *SchunkBody();
  EXPECT_FALSE(CoverArm(body, {0, 2}).ok());
  EXPECT_FALSE(CoverArm(body, {0, 1, 2, 3, 4, 5, 6}).ok());  // A finger slides.
}

}  // namespace
}  // namespace armature
