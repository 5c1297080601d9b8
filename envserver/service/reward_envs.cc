#include "envserver/service/reward_envs.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace armature {

absl::StatusOr<std::unique_ptr<Env>> RewardEnvs::Take(const std::string& id,
                                                      const EnvConfig& config) {
  {
    absl::MutexLock lock(&mutex_);
    const auto kept = std::find_if(kept_.begin(), kept_.end(), [&](const Entry& entry) {
      return entry.id == id && entry.config == config;
    });
    if (kept != kept_.end()) {
      std::unique_ptr<Env> env = std::move(kept->env);
      kept_.erase(kept);
      return env;
    }
  }
  return registry_->Make(id, config);
}

void RewardEnvs::Keep(const std::string& id, const EnvConfig& config, std::unique_ptr<Env> env) {
  std::list<Entry> evicted;
  absl::MutexLock lock(&mutex_);
  kept_.push_front({id, config, std::move(env)});
  if (kept_.size() > kKeptMax) evicted.splice(evicted.end(), kept_, std::prev(kept_.end()));
}

}  // namespace armature
