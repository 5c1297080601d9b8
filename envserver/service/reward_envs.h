// Keeps environments for ComputeReward: the kKeptMax most recently used. Any environment with the
// same configuration can compute the rewards.
//
// Thread safety: all methods; environments are created and freed without holding the lock.
#ifndef ARMATURE_ENVSERVER_SERVICE_REWARD_ENVS_H_
#define ARMATURE_ENVSERVER_SERVICE_REWARD_ENVS_H_

#include <cstddef>
#include <list>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "envserver/env/env.h"
#include "envserver/env/env_registry.h"

namespace armature {

class RewardEnvs {
 public:
  static constexpr size_t kKeptMax = 8;

  // `registry` must outlive it.
  explicit RewardEnvs(const EnvRegistry* registry) : registry_(registry) {}

  // Returns a kept environment, else a new one. Returns EnvRegistry::Make's errors.
  absl::StatusOr<std::unique_ptr<Env>> Take(const std::string& id, const EnvConfig& config);
  // Keeps `env`; frees the least recently used one if there are too many.
  void Keep(const std::string& id, const EnvConfig& config, std::unique_ptr<Env> env);

 private:
  struct Entry {
    std::string id;
    EnvConfig config;
    std::unique_ptr<Env> env;
  };

  const EnvRegistry* const registry_;
  absl::Mutex mutex_;
  std::list<Entry> kept_ ABSL_GUARDED_BY(mutex_);  // Most recently used first.
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SERVICE_REWARD_ENVS_H_
