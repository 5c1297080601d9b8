// Environments kept for ComputeReward, which any one with the same configuration can
// do: the kKeptMax that were used last.
//
// Thread safety: all methods; environments are made and freed outside of the lock.
#ifndef ARMATURE_ENVSERVER_SERVICE_REWARD_ENVS_H_
#define ARMATURE_ENVSERVER_SERVICE_REWARD_ENVS_H_

#include <cstddef>
#include <list>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "envserver/kit/env.h"
#include "envserver/kit/env_registry.h"

namespace armature {

class RewardEnvs {
 public:
  static constexpr size_t kKeptMax = 8;

  // `registry` must outlive it.
  explicit RewardEnvs(const EnvRegistry* registry) : registry_(registry) {}

  // One that is kept, else a new one. Errors: EnvRegistry::Make's.
  absl::StatusOr<std::unique_ptr<Env>> Take(const std::string& id, const EnvConfig& config);
  // Frees the one that has not been used for longest where there are too many.
  void Keep(const std::string& id, const EnvConfig& config, std::unique_ptr<Env> env);

 private:
  struct Entry {
    std::string id;
    EnvConfig config;
    std::unique_ptr<Env> env;
  };

  const EnvRegistry* const registry_;
  absl::Mutex mutex_;
  std::list<Entry> kept_ ABSL_GUARDED_BY(mutex_);  // The last used first.
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SERVICE_REWARD_ENVS_H_
