#include "envserver/tasks/panda/reach.h"

namespace armature {

PandaTaskFacts Reach::facts() const {
  PandaTaskFacts facts;
  facts.id = "panda_reach";
  return facts;
}

void Reach::AddObjects(BulletWorld&) {}

void Reach::Reset(Rng& rng, absl::Span<float> desired_goal) {
  desired_goal[0] = static_cast<float>(rng.Uniform(-0.15, 0.15));
  desired_goal[1] = static_cast<float>(rng.Uniform(-0.15, 0.15));
  desired_goal[2] = static_cast<float>(rng.Uniform(0, 0.3));
}

void Reach::ObserveObjects(absl::Span<float>) const {}

void Reach::AchievedGoal(const PandaArm& arm, absl::Span<float> achieved_goal) const {
  const btVector3 position = arm.ee_position();
  for (int i = 0; i < 3; ++i) achieved_goal[i] = static_cast<float>(position[i]);
}

}  // namespace armature
