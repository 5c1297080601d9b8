// Control steps per second of every registered environment: in process, one thread, random actions,
// including resets.

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "common/random/rng.h"
#include "envserver/env/env.h"
#include "envserver/env/env_registry.h"
#include "envserver/tasks/builtin_envs.h"

namespace armature {
namespace {

void StepEnv(benchmark::State& state, const EnvRegistry& registry, const std::string& env_id,
             const EnvConfig& config) {
  auto env = registry.Make(env_id, config);
  if (!env.ok()) {
    state.SkipWithError(env.status().ToString().c_str());
    return;
  }
  const EnvSpec& spec = (*env)->spec();
  std::vector<std::vector<uint8_t>> memory;
  for (const FieldSpec& field : spec.observation) memory.emplace_back(field.bytes());
  std::vector<absl::Span<uint8_t>> fields;
  for (std::vector<uint8_t>& bytes : memory) fields.push_back(absl::MakeSpan(bytes));
  Observation observation(fields);
  std::vector<float> action(spec.action.size());
  Rng rng({1});
  uint64_t episode = 0;
  int64_t steps_left = 0;
  for (auto _ : state) {
    if (steps_left == 0) {
      (*env)->Reset(episode++, observation);
      steps_left = spec.horizon;
    }
    for (size_t i = 0; i < action.size(); ++i) {
      action[i] = static_cast<float>(rng.Uniform(spec.action.low[i], spec.action.high[i]));
    }
    steps_left = (*env)->Step(action, observation).terminated ? 0 : steps_left - 1;
  }
  state.SetItemsProcessed(state.iterations());
}

int Main(int argc, char** argv) {
  EnvRegistry registry;
  if (absl::Status status = RegisterBuiltinEnvs(registry); !status.ok()) {
    std::cerr << status << "\n";
    return EXIT_FAILURE;
  }
  const auto add = [&](const std::string& env_id, const EnvConfig& config,
                       const std::string& suffix) {
    benchmark::RegisterBenchmark((env_id + suffix).c_str(),
                                 [&registry, env_id, config](benchmark::State& state) {
                                   StepEnv(state, registry, env_id, config);
                                 });
  };
  for (const std::string& env_id : registry.env_ids()) add(env_id, {}, "");
  add("panda_reach", {{"control_type", "joints"}}, "/joints");
  add("anymal", {{"actuator", "network"}}, "/network");
  // As a policy explores; with all of their range the robots fall at once.
  add("anymal", {{"action_max", "1"}}, "/gentle");
  add("anymal_rough", {{"action_max", "1"}}, "/gentle");
  add("anymal_rough", {{"action_max", "1"}, {"terrain", "flat"}}, "/gentle_flat");
  // The same trajectories, with no human known of; and with one who comes near.
  for (const char* env_id :
       {"human_reach", "panda_reach_human", "human_pick_place", "human_robot_handover"}) {
    add(env_id, {{"shield.type", "off"}}, "/off");
    add(env_id, {{"shield.type", "pfl"}}, "/pfl");
    add(env_id, {{"human.motions", "[adversary]"}}, "/adversary");
    add(env_id, {{"human.motions", "[adversary]"}, {"shield.type", "off"}}, "/adversary_off");
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace armature

int main(int argc, char** argv) { return armature::Main(argc, argv); }
