// Turn a cube to a given orientation (panda-gym's PandaFlip).
//
// Facts: cube of 0.04 m and 1 kg with a colour for each face; x, y ~ U(+-0.15), upright; goal: a
// uniform random rotation q, of which -q is the same. The distance of two rotations is 1 - (q.g)^2;
// success below 0.2, which is 53 degrees.
// Differs: upstream draws the goal from NumPy's global generator, so that a seed does not repeat
// it, and gives one reward for a whole batch.
#include <cmath>

#include "BulletCollision/CollisionShapes/btBoxShape.h"
#include "envserver/bullet/primitive.h"
#include "envserver/kit/register_task.h"
#include "envserver/tasks/panda/panda_objects.h"
#include "envserver/tasks/panda/panda_task.h"
#include "envserver/tasks/panda/panda_tasks.h"

namespace armature {
namespace {

constexpr double kFaceThickness = 0.0004;  // m; drawn only.
constexpr Colour kFaceColours[6] = {{0.85, 0.1, 0.1, 1}, {0.95, 0.5, 0.1, 1},
                                    {0.1, 0.65, 0.2, 1}, {0.1, 0.3, 0.85, 1},
                                    {0.95, 0.9, 0.2, 1}, {0.95, 0.95, 0.95, 1}};

// A plate on each face: +x, -x, +y, -y, +z, -z.
std::vector<SceneShape> ColouredFaces() {
  std::vector<SceneShape> faces;
  for (int face = 0; face < 6; ++face) {
    SceneShape plate = CubeShape(kFaceColours[face]);
    const int axis = face / 2;
    plate.size[axis] = kFaceThickness;
    plate.pose[axis] = (face % 2 == 0 ? 1 : -1) * (kCubeSide - kFaceThickness) / 2;
    faces.push_back(plate);
  }
  return faces;
}

// Uniform over rotations: four normal numbers, of length 1.
btQuaternion RandomRotation(Rng* rng) {
  btQuaternion q;
  do {
    for (int i = 0; i < 4; ++i) q[i] = rng->Normal();
  } while (q.length2() < 1e-6);
  return q.normalized();
}

btQuaternion ToRotation(absl::Span<const float> values) {
  return btQuaternion(values[0], values[1], values[2], values[3]);
}

class Flip : public PandaTask {
 public:
  explicit Flip(const PandaConfig& config) : PandaTask(config, Facts()) {}

  void Show(MarkerPoses& out) override {
    // Above the middle of the table, as upstream.
    out.Place(goal_, btVector3(0, 0, kCubeSide * 3 / 2), ToRotation(desired_goal()));
  }

 protected:
  void AddObjects(TaskBuilder& task) override {
    auto model = std::make_shared<BodyModel>(
        *PrimitiveModel(SceneShape::Kind::kBox, {kCubeSide, kCubeSide, kCubeSide}, kCubeMass));
    model->base.looks = ColouredFaces();
    BodyOptions options;
    options.name = "object";
    options.base_pose.setOrigin(btVector3(0, 0, kCubeSide / 2));
    cube_ = Observed(task.AddBody(std::move(model), options));
    std::vector<SceneShape> ghost = ColouredFaces();
    for (SceneShape& face : ghost) face.colour[3] = 0.5;
    goal_ = task.AddMarker("goal", std::move(ghost));
  }
  void PlaceObjects(absl::Span<float> desired_goal) override {
    const btQuaternion goal = RandomRotation(&rng());
    for (int i = 0; i < 4; ++i) desired_goal[i] = static_cast<float>(goal[i]);
    PlaceObject(RandomPlace(kCubeSide / 2, &rng()), cube_);
  }
  void AchievedGoal(absl::Span<float> achieved_goal) override {
    const btQuaternion rotation = cube_->LinkPose(kBase).getRotation();
    for (int i = 0; i < 4; ++i) achieved_goal[i] = static_cast<float>(rotation[i]);
  }
  double GoalDistance(absl::Span<const float> achieved,
                      absl::Span<const float> desired) const override {
    const double cosine = ToRotation(achieved).dot(ToRotation(desired));
    return 1 - cosine * cosine;
  }

 private:
  static PandaTaskFacts Facts() {
    PandaTaskFacts facts;
    facts.object_rotation = ObjectRotation::kQuaternion;
    facts.goal_size = 4;
    facts.goal_distance_max = 1;
    facts.block_gripper = false;
    facts.distance_threshold = 0.2;
    return facts;
  }

  Body* cube_ = nullptr;
  Marker goal_;
};

}  // namespace

absl::Status RegisterPandaFlip(EnvRegistry& registry) {
  return RegisterTask<Flip>(registry, "panda_flip",
                            "Turn a cube to a given orientation (panda-gym's PandaFlip).");
}

}  // namespace armature
