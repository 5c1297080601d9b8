// Where a task's pictures are taken from: cameras that stand still, that follow a body, and the one
// of a task that declares none.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "BulletCollision/CollisionShapes/btSphereShape.h"
#include "envserver/bullet/body_model.h"
#include "envserver/kit/register_task.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

LinkModel RedBall(const std::string& name) {
  LinkModel ball;
  ball.name = name;
  ball.mass = 1;
  ball.shape = std::make_shared<btSphereShape>(0.3);
  ball.inertia_diagonal = btVector3(0.04, 0.04, 0.04);
  SceneShape look;
  look.kind = SceneShape::Kind::kSphere;
  look.size = {0.3, 0, 0};
  look.colour = {0.9, 0.1, 0.1, 1};
  ball.looks = {look};
  return ball;
}

// Two balls on a slide.
std::shared_ptr<const BodyModel> Robot() {
  auto model = std::make_shared<BodyModel>();
  model->base = RedBall("base");
  LinkModel arm = RedBall("arm");
  arm.joint_type = JointType::kPrismatic;
  arm.axis = btVector3(1, 0, 0);
  model->links = {arm};
  return model;
}

// The robot is put where the action says.
class Roam : public Task {
 public:
  struct Config {
    std::string camera = "none";
    std::string tracked_body = "robot/base";
    bool fixed = false;
    int64_t robots = 1;
    void Visit(ConfigVisitor& v) {
      v.Field("camera", camera, "The task's camera.", OneOf({"none", "still", "tracks"}));
      v.Field("tracked_body", tracked_body, "What it tracks.");
      v.Field("fixed", fixed, "Whether the base is fixed.");
      v.Field("robots", robots, "How many there are.", Between(1, 2));
    }
  };

  explicit Roam(const Config& config) : config_(config) {}

  void Build(TaskBuilder& task) override {
    WorldOptions options;
    options.gravity = 0;
    task.SetTime(0.01, /*physics_steps=*/1, /*horizon_s=*/1, options);
    task.world().AddPlane({});
    for (int i = 0; i < config_.robots; ++i) {
      BodyOptions body;
      body.name = i == 0 ? "robot" : "other";
      body.fixed_base = config_.fixed;
      body.base_pose.setOrigin(btVector3(0, 2.0 * i, kHeight));
      bodies_.push_back(task.AddBody(Robot(), body));
    }
    task.SetAction(3, -20, 20);
    x_ = task.AddField("x", 1);
    task.AddReward("nothing", 0);
    if (config_.camera == "none") return;
    SceneCamera camera;
    camera.name = "side";
    const bool tracks = config_.camera == "tracks";
    const double height = tracks ? 0 : kHeight;
    camera.position = {0, -5, height};
    camera.target = {0, 0, height};
    if (tracks) camera.tracked_body = config_.tracked_body;
    task.AddCamera(camera);
  }
  void Reset() override {}
  void Act(absl::Span<const float> action) override {
    const btQuaternion turned(btVector3(0, 0, 1), 0.1 * action[0]);
    bodies_[0]->SetBasePose(btTransform(turned, btVector3(action[0], action[1], action[2])));
  }
  void Observe(ObservationWriter& out) override {
    out.Write(x_, bodies_[0]->LinkPose(kBase).getOrigin().x());
  }
  void Reward(RewardTerms&) override {}

  static constexpr double kHeight = 1;

 private:
  const Config config_;
  std::vector<Body*> bodies_;
  Field x_;
};

class CameraTest : public testing::Test {
 protected:
  absl::Status Make(const EnvConfig& config) {
    EnvRegistry registry;
    EXPECT_TRUE(RegisterTask<Roam>(registry, "roam", "Goes anywhere.").ok());
    auto made = registry.Make("roam", config);
    if (!made.ok()) return made.status();
    env_ = *std::move(made);
    env_->Reset(1, observation_);
    return absl::OkStatus();
  }
  const SceneCamera& camera() { return env_->scene()->cameras[0]; }

  // Puts the robot there. Returns whether it is in the middle of the picture.
  bool IsSeenAt(const std::array<float, 3>& position) {
    env_->Step(position, observation_);
    const RenderSpec size = *env_->spec().render;
    std::vector<uint8_t> rgb(size.width_px * size.height_px * 3);
    const absl::Status status = env_->Render(absl::MakeSpan(rgb));
    EXPECT_TRUE(status.ok()) << status;
    const uint8_t* const rgb_of =
        &rgb[3 * (size.height_px / 2 * size.width_px + size.width_px / 2)];
    return rgb_of[0] > 80 && rgb_of[0] > 2 * rgb_of[1] && rgb_of[0] > 2 * rgb_of[2];
  }

  std::unique_ptr<Env> env_;
  std::vector<float> x_ = std::vector<float>(1);
  Observation observation_{{absl::MakeSpan(reinterpret_cast<uint8_t*>(x_.data()), 4)}};
};

constexpr std::array<float, 3> kStart = {0, 0, Roam::kHeight};
constexpr std::array<float, 3> kFar = {10, -4, 3};

TEST_F(CameraTest, ACameraFollowsTheBodyThatItTracks) {
  ASSERT_TRUE(Make({{"camera", "tracks"}}).ok());
  EXPECT_TRUE(IsSeenAt(kStart));
  EXPECT_TRUE(IsSeenAt(kFar));
}

TEST_F(CameraTest, ACameraThatTracksNothingStandsStill) {
  ASSERT_TRUE(Make({{"camera", "still"}}).ok());
  EXPECT_TRUE(IsSeenAt(kStart));
  EXPECT_FALSE(IsSeenAt(kFar));
}

TEST_F(CameraTest, ATaskThatDeclaresNoneIsSeenByOneThatFollowsItsOneFreeRobot) {
  ASSERT_TRUE(Make({}).ok());
  EXPECT_EQ(camera().tracked_body, "robot/base");
  EXPECT_TRUE(IsSeenAt(kStart));
  EXPECT_TRUE(IsSeenAt(kFar));
  ASSERT_TRUE(Make({{"robots", "2"}}).ok());
  EXPECT_EQ(camera().tracked_body, "") << "which of them?";
  ASSERT_TRUE(Make({{"fixed", "true"}}).ok());
  EXPECT_EQ(camera().tracked_body, "");
}

TEST_F(CameraTest, ABodyThatIsNotThereCannotBeTracked) {
  EXPECT_EQ(Make({{"camera", "tracks"}, {"tracked_body", "robot"}}).message(),
            "env roam: camera 'side': there is no body 'robot' to track; there are plane, "
            "robot/base, robot/arm");
}

}  // namespace
}  // namespace armature
