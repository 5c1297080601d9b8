// Every environment, the built-in tasks too, in every wrapper that takes it, and in a stack of
// several, held to what every environment promises.
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/conformance/conformance.h"
#include "envserver/tasks/builtin_envs.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/testing/wrapped_envs.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

// These share all that wrappers meet with panda_reach, panda_pick_and_place and exact_arm, and take
// long.
bool IsLikeOthers(const std::string& env_id) {
  return env_id == "panda_push" || env_id == "panda_slide" || env_id == "panda_stack" ||
         env_id == "panda_flip" || env_id.find("human") != std::string::npos;
}

// Keys with which every wrapper does something, by wrapper. `env` has no wrapper yet.
std::map<std::string, EnvConfig> WrapperKeys(Env& env) {
  std::map<std::string, EnvConfig> keys = {
      {"action_noise", {{"action_noise.distribution", "normal"}}},
      {"action_repeat", {{"action_repeat.steps", "3"}}},
      {"camera", {{"camera.width_px", "40"}, {"camera.height_px", "30"}}},
      {"clip_observation", {{"clip_observation.high", "0.5"}}},
      {"clip_reward", {{"clip_reward.low", "-0.5"}}},
      {"collision_prevention", {{"collision_prevention.replace_type", "2"}}},
      {"frame", {{"frame.quaternion", "orientation"}, {"frame.vectors", "[velocity]"}}},
      {"history", {{"history.steps", "3"}}},
      {"ik_position_delta", {}},
      {"latency", {{"latency.action_steps", "2"}, {"latency.observation_steps", "1"}}},
      {"observation_noise", {{"observation_noise.amplitude", "0.01"}}},
      {"rescale_action", {{"rescale_action.high", "3"}}},
      {"rescale_reward", {{"rescale_reward.scale", "0.3"}}},
      {"time_feature", {}},
      {"randomize", {}},
      {"push", {}},
      {"action_imitation_reward", {}},
      {"state_imitation_reward",
       {{"state_imitation_reward.motion", "[achieved_goal]"},
        {"state_imitation_reward.reference_start", "0.5"}}},
  };
  if (env.spec().id == "exact_arm") {
    for (const std::string name : {"action_imitation_reward", "state_imitation_reward"}) {
      keys[name][name + ".expert.goal"] = "[target]";
    }
    keys["state_imitation_reward"]["state_imitation_reward.motion"] = "[tool]";
    keys["state_imitation_reward"]["state_imitation_reward.gripper"] = "[gripper]";
  }
  BulletWorld* world = env.world();
  for (int id = 0; world != nullptr && id < world->num_bodies(); ++id) {
    const Body& body = world->body(id);
    if (body.num_velocities() == 0) continue;
    const std::string& link = body.link_model(body.num_links() - 1).name;
    keys["randomize"] = {{absl::StrCat("randomize.mass_factor.", body.name()), "uniform(0.8, 1.2)"},
                         {absl::StrCat("randomize.friction.", body.name()), "uniform(0.2, 0.8)"},
                         {"randomize.gravity", "normal(9.81, 0.1)"}};
    keys["push"] = {{"push.body", body.name()},
                    {"push.link", link},
                    {"push.kind", "force"},
                    {"push.force_n", "uniform(0, 1)"},
                    {"push.interval_s", "uniform(0.1, 0.3)"},
                    {"push.duration_s", "0.1"}};
  }
  return keys;
}

// Config of an environment whose steps take so long that its episodes must be short.
EnvConfig ShortConfig(const std::string& env_id) {
  if (env_id == "box_flip_up") return {{"time_limit_s", "0.4"}};
  return {};
}

constexpr char kPictures[] = "[camera, latency, history]";
// Wrappers that a goal allows, wrappers that need a world, wrappers that need an arm, and those
// that pass pictures on.
const char* const kStacks[] = {
    "[latency, action_noise, observation_noise, clip_observation, history, rescale_reward]",
    "[randomize, push, action_repeat, observation_noise, time_feature, rescale_action]",
    "[collision_prevention, ik_position_delta, action_imitation_reward, state_imitation_reward]",
    kPictures};

EnvConfig StackConfig(const std::string& stack, const std::map<std::string, EnvConfig>& keys) {
  EnvConfig config = {{"wrappers", stack}};
  for (const auto& [name, own] : keys) {
    if (stack.find(name) != std::string::npos) config.insert(own.begin(), own.end());
  }
  return config;
}

// Returns 1 if fewer than two environments take a wrapper, else 0.
int AddCases(const EnvRegistry& registry, std::vector<ConformanceCase>* cases) {
  std::map<std::string, int> taken;
  for (const std::string& name : registry.wrapper_names()) taken[absl::StrCat("[", name, "]")] = 0;
  for (const char* stack : kStacks) taken[stack] = 0;
  for (const std::string& env_id : registry.env_ids()) {
    if (IsLikeOthers(env_id)) continue;
    auto bare = registry.Make(env_id, {});
    if (!bare.ok()) throw std::runtime_error(bare.status().ToString());
    const std::map<std::string, EnvConfig> keys = WrapperKeys(**bare);
    for (auto& [stack, count] : taken) {
      // A picture of 120,000 triangles takes long: once is enough.
      if (stack == kPictures && env_id == "panda_reach") continue;
      const bool is_costly = env_id == "panda_pick_and_place" || env_id == "exact_arm" ||
                             env_id.rfind("anymal", 0) == 0;
      if (stack.find("camera") != std::string::npos && is_costly) continue;
      ConformanceCase what{env_id, StackConfig(stack, keys)};
      what.config.merge(ShortConfig(env_id));
      // Refusals have tests of their own.
      if (!registry.Make(env_id, what.config).ok()) continue;
      ++count;
      cases->push_back(std::move(what));
    }
  }
  int status = 0;
  for (const auto& [stack, count] : taken) {
    if (count >= 2) continue;
    std::cerr << stack << " is taken by " << count << " environments, expected 2 or more\n";
    status = 1;
  }
  return status;
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  // Registered once, so that models are read once.
  armature::EnvRegistry all;
  absl::Status status = armature::RegisterBuiltinWrappers(all);
  status.Update(armature::RegisterWrappedEnvs(all));
  status.Update(armature::RegisterBuiltinEnvs(all));
  if (!status.ok()) throw std::runtime_error(status.ToString());
  std::vector<armature::ConformanceCase> cases;
  if (const int wrong = armature::AddCases(all, &cases); wrong != 0) return wrong;
  armature::ConformanceOptions options;
  options.steps = 60;
  options.episode_steps_max = 12;
  options.with_defaults = false;
  armature::RegisterConformanceTests(
      [&all](armature::EnvRegistry& registry) {
        registry = all;
        return absl::OkStatus();
      },
      cases, options);
  return RUN_ALL_TESTS();
}
