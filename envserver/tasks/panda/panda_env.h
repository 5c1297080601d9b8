// The Panda tasks as environments: robot, table and floor in a Bullet world, plus a PandaTask (as
// in panda-gym v3).
//
// Facts: physics step 1/500 s, 20 per control step. Observation: `observation` = end effector
// position (3), its velocity (3), finger width (1) unless the gripper is blocked, then the task's
// objects; `achieved_goal`; `desired_goal`; all float32.
// Config: see PandaConfig. With terminate_on_success (panda-gym v3) an episode ends at the first
// success; without it (v2) only at the horizon.
// Thread safety, determinism: see Env.
#ifndef ARMATURE_ENVSERVER_TASKS_PANDA_PANDA_ENV_H_
#define ARMATURE_ENVSERVER_TASKS_PANDA_PANDA_ENV_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/config/config.h"
#include "common/spec/env_spec.h"
#include "envserver/bullet/body_model.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/env/env.h"
#include "envserver/tasks/panda/goal_reward.h"
#include "envserver/tasks/panda/panda_arm.h"
#include "envserver/tasks/panda/panda_task.h"

namespace armature {

struct PandaConfig {
  std::string control_type = "ee";
  std::string reward_type = "sparse";
  bool terminate_on_success = true;

  void Visit(ConfigVisitor& v) {
    v.Field("control_type", control_type, "What an action moves.", OneOf({"ee", "joints"}));
    v.Field("reward_type", reward_type, "Sparse: -1 until success; dense: minus the distance.",
            OneOf({"sparse", "dense"}));
    v.Field("terminate_on_success", terminate_on_success,
            "Whether success ends the episode (panda-gym v3) or not (v2).");
  }
};

class PandaEnv : public Env {
 public:
  // `model` comes from LoadPandaModel; `config` must be validated by LoadMap.
  PandaEnv(const PandaConfig& config, std::shared_ptr<const BodyModel> model,
           std::unique_ptr<PandaTask> task);

  const EnvSpec& spec() const override { return spec_; }
  void Reset(uint64_t seed, Observation& observation) override;
  StepResult Step(absl::Span<const float> action, Observation& observation) override;
  absl::Status ComputeReward(const GoalPairs& goals, absl::Span<float> reward,
                             absl::Span<uint8_t> terminated) const override;

  PandaArm& arm() { return arm_; }

 private:
  void Observe(Observation& observation);

  const bool terminate_on_success_;
  std::unique_ptr<PandaTask> task_;
  PandaTaskFacts facts_;
  GoalReward goal_reward_;
  EnvSpec spec_;
  BulletWorld world_;
  PandaArm arm_;
  WorldState neutral_;
  std::vector<float> desired_goal_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_PANDA_PANDA_ENV_H_
