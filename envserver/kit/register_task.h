// Makes a Task class an environment that an env server hosts.
//
//   absl::Status RegisterMyTasks(EnvRegistry& registry) {
//     return RegisterTask<Balance>(registry, "balance", "Balance a pole on a cart.");
//   }
#ifndef ARMATURE_ENVSERVER_KIT_REGISTER_TASK_H_
#define ARMATURE_ENVSERVER_KIT_REGISTER_TASK_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/config/config.h"
#include "envserver/env/env_registry.h"
#include "envserver/kit/task_env.h"

namespace armature {

// An environment's keys, divided into those of the task and the weights of reward terms.
struct TaskKeys {
  EnvConfig task;
  std::map<std::string, double> weights;
};
// Returns InvalidArgument if a weight is not a finite number.
absl::StatusOr<TaskKeys> SplitTaskKeys(const EnvConfig& config);

// Appends the keys of the reward weights of `env`.
void AppendWeightKeys(const TaskEnv& env, std::vector<KeyDescription>* keys);

// Registers `TaskType`, which has a struct Config with Visit (see common/config) and is constructed
// from it. Returns the registry's errors.
template <typename TaskType>
absl::Status RegisterTask(EnvRegistry& registry, absl::string_view env_id,
                          absl::string_view description) {
  const auto make = [id = std::string(env_id)](
                        const EnvConfig& values) -> absl::StatusOr<std::unique_ptr<TaskEnv>> {
    absl::StatusOr<TaskKeys> keys = SplitTaskKeys(values);
    if (!keys.ok()) return keys.status();
    typename TaskType::Config config;
    absl::Status status = LoadMap(keys->task, "env_config", ConfigOf(config));
    if (!status.ok()) return status;
    return TaskEnv::Create(
        id, [&] { return std::make_unique<TaskType>(config); }, keys->weights);
  };
  const auto describe = [make] {
    typename TaskType::Config config;
    std::vector<KeyDescription> keys = DescribeKeys(ConfigOf(config));
    // Without its models the task cannot tell its reward terms; its own keys are known.
    if (const auto env = make({}); env.ok()) AppendWeightKeys(**env, &keys);
    return keys;
  };
  return registry.Register(env_id, description, make, describe);
}

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_KIT_REGISTER_TASK_H_
