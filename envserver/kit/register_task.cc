#include "envserver/kit/register_task.h"

#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace armature {
namespace {

constexpr char kWeightPrefix[] = "reward.";

}  // namespace

absl::StatusOr<TaskKeys> SplitTaskKeys(const EnvConfig& config) {
  TaskKeys keys;
  for (const auto& [key, value] : config) {
    absl::string_view name = key;
    if (!absl::ConsumePrefix(&name, kWeightPrefix)) {
      keys.task[key] = value;
      continue;
    }
    double weight;
    if (!absl::SimpleAtod(value, &weight) || !std::isfinite(weight)) {
      return absl::InvalidArgumentError(
          absl::StrCat("env_config: ", key, " is '", value, "', expected a number"));
    }
    keys.weights[std::string(name)] = weight;
  }
  return keys;
}

void AppendWeightKeys(const TaskEnv& env, std::vector<KeyDescription>* keys) {
  for (const auto& [name, weight] : env.reward_weights()) {
    keys->push_back({absl::StrCat(kWeightPrefix, name), "number", absl::StrCat(weight), "",
                     absl::StrCat("Weight of the reward term '", name, "'.")});
  }
}

}  // namespace armature
