// A task with a human, and what it wrote last. For tests: what goes wrong throws.
#ifndef ARMATURE_ENVSERVER_TASKS_HUMAN_TESTING_STAGE_H_
#define ARMATURE_ENVSERVER_TASKS_HUMAN_TESTING_STAGE_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "common/random/rng.h"
#include "envserver/env/arm_actions.h"
#include "envserver/env/env.h"
#include "envserver/env/env_registry.h"
#include "envserver/kit/task_env.h"
#include "envserver/tasks/human/human_arm_task.h"
#include "envserver/tasks/human/human_tasks.h"

namespace armature {

// A human whom the arm never meets.
inline const EnvConfig kFar = {{"human.distance_m", "6"}, {"human.motions", "[work_at_table]"}};

inline EnvConfig With(EnvConfig config, const EnvConfig& more) {
  for (const auto& [key, value] : more) config[key] = value;
  return config;
}

class Stage {
 public:
  Stage(const std::string& env_id, const EnvConfig& config) {
    EnvRegistry registry;
    if (absl::Status status = RegisterHumanTasks(registry); !status.ok()) {
      throw std::runtime_error(status.ToString());
    }
    auto env = registry.Make(env_id, config);
    if (!env.ok()) throw std::runtime_error(env.status().ToString());
    env_ = *std::move(env);
    for (const FieldSpec& field : spec().observation) memory_.emplace_back(field.bytes());
    std::vector<absl::Span<uint8_t>> fields;
    for (std::vector<uint8_t>& bytes : memory_) fields.push_back(absl::MakeSpan(bytes));
    observation_ = std::make_unique<Observation>(std::move(fields));
    metrics_.resize(spec().metrics.size());
  }

  const EnvSpec& spec() const { return env_->spec(); }
  Env& env() { return *env_; }
  const HumanArmTask& task() {
    return static_cast<const HumanArmTask&>(static_cast<TaskEnv&>(*env_).task());
  }
  void Reset(uint64_t seed) { env_->Reset(seed, *observation_); }
  StepResult Step(const std::vector<float>& action) {
    const StepResult result = env_->Step(action, *observation_);
    env_->ReadMetrics(absl::MakeSpan(metrics_));
    return result;
  }
  std::vector<float> Nothing() const { return std::vector<float>(spec().action.size()); }
  std::vector<float> ScriptedAction() {
    std::vector<float> action(spec().action.size());
    env_->arm()->ScriptedAction(absl::MakeSpan(action));
    return action;
  }
  std::vector<float> RandomAction(Rng& rng) const {
    std::vector<float> action(spec().action.size());
    for (float& a : action) a = static_cast<float>(rng.Uniform(-1, 1));
    return action;
  }
  double Metric(const std::string& name) const {
    for (size_t i = 0; i < spec().metrics.size(); ++i) {
      if (spec().metrics[i].name == name) return metrics_[i];
    }
    throw std::runtime_error("no metric " + name);
  }
  std::vector<float> Field(const std::string& name) const {
    for (size_t i = 0; i < spec().observation.size(); ++i) {
      if (spec().observation[i].name != name) continue;
      std::vector<float> values(memory_[i].size() / sizeof(float));
      std::memcpy(values.data(), memory_[i].data(), memory_[i].size());
      return values;
    }
    throw std::runtime_error("no field " + name);
  }

 private:
  std::unique_ptr<Env> env_;
  std::vector<std::vector<uint8_t>> memory_;
  std::unique_ptr<Observation> observation_;
  std::vector<float> metrics_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_HUMAN_TESTING_STAGE_H_
