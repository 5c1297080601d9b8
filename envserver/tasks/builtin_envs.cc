#include "envserver/tasks/builtin_envs.h"

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/config/config.h"
#include "envserver/tasks/drake/drake_tasks.h"
#include "envserver/tasks/panda/panda_arm.h"
#include "envserver/tasks/panda/panda_env.h"
#include "envserver/tasks/panda/reach.h"

namespace armature {
namespace {

// Reads the Panda model once, for all environments that use it.
class PandaModel {
 public:
  absl::StatusOr<std::shared_ptr<const BodyModel>> Get() {
    absl::MutexLock lock(&mutex_);
    if (model_ == nullptr) {
      auto model = LoadPandaModel();
      if (!model.ok()) return model;
      model_ = *std::move(model);
    }
    return model_;
  }

 private:
  absl::Mutex mutex_;
  std::shared_ptr<const BodyModel> model_ ABSL_GUARDED_BY(mutex_);
};

template <typename Task>
EnvFactory PandaFactory(std::shared_ptr<PandaModel> panda) {
  return [panda](const EnvConfig& values) -> absl::StatusOr<std::unique_ptr<Env>> {
    PandaConfig config;
    if (absl::Status status = LoadMap(values, "env_config", ConfigOf(config)); !status.ok()) {
      return status;
    }
    auto model = panda->Get();
    if (!model.ok()) return model.status();
    return std::make_unique<PandaEnv>(config, *std::move(model), std::make_unique<Task>());
  };
}

}  // namespace

absl::Status RegisterBuiltinEnvs(EnvRegistry& registry) {
  const auto panda = std::make_shared<PandaModel>();
  absl::Status status;
  status.Update(registry.Register(
      "panda_reach", "Bring a Franka Panda's end effector to a point (panda-gym's PandaReach).",
      PandaFactory<Reach>(panda)));
  status.Update(RegisterCartPole(registry));
  status.Update(RegisterBoxFlipUp(registry));
  return status;
}

}  // namespace armature
