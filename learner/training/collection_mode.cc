#include "learner/training/collection_mode.h"

#include "learner/training/free_running.h"
#include "learner/training/taking_turns.h"

namespace armature {

std::unique_ptr<CollectionMode> MakeCollectionMode(const RunConfig& config,
                                                   const EvaluationScheduler* evaluations) {
  if (config.reproducible.enabled) return std::make_unique<TakingTurns>(config, evaluations);
  return std::make_unique<FreeRunning>(config);
}

}  // namespace armature
