#include "envserver/wrappers/testing/tumbling_box.h"

#include <algorithm>

#include "common/config/config.h"
#include "envserver/kit/register_task.h"
#include "envserver/kit/task.h"
#include "envserver/kit/task_builder.h"

namespace armature {
namespace {

constexpr float kForceMaxN = 4;

class TumblingBox : public Task {
 public:
  struct Config {
    bool floats = false;
    void Visit(ConfigVisitor& v) { v.Field("floats", floats, "No gravity, and at rest."); }
  };

  explicit TumblingBox(const Config& config) : floats_(config.floats) {}

  void Build(TaskBuilder& task) override {
    WorldOptions world;
    if (floats_) world.gravity = 0;
    task.SetTime(/*physics_step_s=*/0.01, /*physics_steps=*/5, /*horizon_s=*/2, world);
    BodyOptions options;
    options.name = "floor";
    task.world().AddPlane(options);
    options.name = "box";
    options.linear_damping = options.angular_damping = 0;
    options.base_pose.setOrigin(btVector3(0, 0, 0.3));
    box_ = task.world().AddBox({0.2, 0.3, 0.4}, /*mass=*/2, options);
    task.SetAction(2, -5, 5);
    task.ReportsExecutedAction();
    position_ = task.AddField("position", 3);
    orientation_ = task.AddField("orientation", 4, -1.001, 1.001);
    velocity_ = task.AddField("velocity", 3);
    angular_velocity_ = task.AddField("angular_velocity", 3);
    mass_ = task.AddField("mass", 1);
    friction_ = task.AddField("friction", 1);
    size_ = task.AddField("size", 3);
    gravity_ = task.AddField("gravity", 3);
    speed_ = task.AddReward("speed", 1);
  }

  void Reset() override {
    if (floats_) return;
    box_->SetBaseVelocity(btVector3(rng().Uniform(-1, 1), rng().Uniform(-1, 1), 0),
                          btVector3(0, rng().Uniform(-2, 2), 0));
  }

  void Act(absl::Span<const float> action) override {
    force_ = btVector3(Limited(action[0]), Limited(action[1]), 0);
  }

  void ExecutedAction(absl::Span<float> out) override {
    out[0] = static_cast<float>(force_.x());
    out[1] = static_cast<float>(force_.y());
  }

  void Substep() override { box_->AddForce(kBase, force_); }

  void Observe(ObservationWriter& out) override {
    const btTransform pose = box_->LinkPose(kBase);
    const btQuaternion q = pose.getRotation();
    out.Write(position_, pose.getOrigin());
    out.Write(orientation_, {q.x(), q.y(), q.z(), q.w()});
    out.Write(velocity_, box_->LinkVelocity(kBase));
    out.Write(angular_velocity_, box_->LinkAngularVelocity(kBase));
    out.Write(mass_, box_->mass(kBase));
    out.Write(friction_, box_->contact_material(kBase).friction);
    out.Write(size_, box_->size());
    out.Write(gravity_, world().gravity());
  }

  void Reward(RewardTerms& out) override { out.Add(speed_, -box_->LinkVelocity(kBase).length()); }

 private:
  static float Limited(float force_n) { return std::clamp(force_n, -kForceMaxN, kForceMaxN); }

  const bool floats_;
  Body* box_ = nullptr;
  Field position_, orientation_, velocity_, angular_velocity_, mass_, friction_, size_, gravity_;
  RewardTerm speed_;
  btVector3 force_ = btVector3(0, 0, 0);  // Of this control step.
};

}  // namespace

absl::Status RegisterTumblingBox(EnvRegistry& registry) {
  return RegisterTask<TumblingBox>(registry, "tumbling_box", "A box that falls and is pushed.");
}

}  // namespace armature
