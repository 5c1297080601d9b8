// Every built-in environment with its defaults, then variants whose config changes what it does,
// held to what every environment promises.
#include "envserver/conformance/conformance.h"
#include "envserver/tasks/builtin_envs.h"
#include "gtest/gtest.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  armature::ConformanceOptions options;
  options.steps = 3000;
  armature::RegisterConformanceTests(
      armature::RegisterBuiltinEnvs,
      {
          {"panda_reach", {{"control_type", "joints"}, {"reward_type", "dense"}}},
          {"panda_reach", {{"terminate_on_success", "false"}}},
          {"panda_pick_and_place", {{"control_type", "joints"}, {"reward_type", "dense"}}},
          {"cartpole", {{"time_limit_s", "7"}}},
          {"cartpole",
           {{"randomize_mass", "true"}, {"observation_noise", "true"}, {"disturbance", "true"}}},
          {"box_flip_up", {{"variant", "current"}}},
          {"anymal", {{"robot", "c"}, {"action_max", "1"}}},
          {"anymal", {{"actuator", "network"}, {"action_max", "1"}}},
          {"anymal_rough",
           {{"action_max", "0.5"}, {"command_period_s", "0.1"}, {"easier_terrain", "0.5"}}},
          {"anymal_rough",
           {{"robot", "c"}, {"terrain", "flat"}, {"observe_linear_velocity", "false"}}},
          {"anymal_rough", {{"actuator", "network"}, {"terrain", "flat"}, {"action_max", "0.5"}}},
          {"human_reach",
           {{"goal_conditioned", "true"}, {"shield.type", "pfl"}, {"tracker.dropout", "0.02"}}},
          {"human_reach", {{"human.motions", "[adversary]"}, {"done_at_collision", "true"}}},
          {"human_reach_cart", {{"shield.type", "off"}, {"shaping", "true"}}},
          {"human_reach", {{"human.motions", "[adversary]"}, {"human.pushes", "true"}}},
          {"human_pick_place", {{"goal_conditioned", "true"}, {"shaping", "true"}}},
          {"human_robot_handover",
           {{"goal_conditioned", "true"}, {"shield.type", "ssm"}, {"done_at_success", "true"}}},
      },
      options);
  return RUN_ALL_TESTS();
}
