// Actors collect while the learner learns; the side that is ahead waits.
//
// Thread safety: as for CollectionMode.
#ifndef ARMATURE_LEARNER_TRAINING_FREE_RUNNING_H_
#define ARMATURE_LEARNER_TRAINING_FREE_RUNNING_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "learner/training/collection_mode.h"

namespace armature {

class FreeRunning final : public CollectionMode {
 public:
  explicit FreeRunning(const RunConfig& config);

  CollectCoordinator& coordinator() override { return *coordinator_; }
  void GoOnFrom(uint64_t) override {}
  absl::Status Check() const override { return absl::OkStatus(); }
  // Takes only a few batches, so that neither side starves the other.
  bool TakeExperience(ExperienceIntake* intake, TrainingActions* actions) override;
  bool FinishPass(TrainingActions* actions) override;
  bool actors_keep_policies() const override { return true; }
  bool saves_anywhere() const override { return true; }
  std::optional<WaitState> Waiting(const TrainingActions&) const override { return std::nullopt; }

 private:
  const std::unique_ptr<CollectCoordinator> coordinator_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_FREE_RUNNING_H_
