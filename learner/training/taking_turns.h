// Reproducible runs: acting and learning take turns, in an order that nothing but the seed
// decides. A turn: every actor collects the same number of steps with one policy; all of it
// is inserted, learned from and published, and whatever is due is done before the next.
//
// Thread safety: as CollectionMode says.
#ifndef ARMATURE_LEARNER_TRAINING_TAKING_TURNS_H_
#define ARMATURE_LEARNER_TRAINING_TAKING_TURNS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "learner/intake/turn_coordinator.h"
#include "learner/training/collection_mode.h"

namespace armature {

class TakingTurns final : public CollectionMode {
 public:
  // `evaluations` must outlive it.
  TakingTurns(const RunConfig& config, const EvaluationScheduler* evaluations);

  CollectCoordinator& coordinator() override { return coordinator_; }
  void GoOnFrom(uint64_t env_steps) override { saved_env_steps_ = env_steps; }
  absl::Status Check() const override { return coordinator_.Check(); }
  // A turn once all of it is there, in the order of the actors' names.
  bool TakeExperience(ExperienceIntake* intake, TrainingActions* actions) override;
  // Once a turn is learned from: publishes, keeps the step's model, has the policy evaluated
  // where that is due, saves at the end of a period, and opens the next turn.
  bool FinishPass(TrainingActions* actions) override;
  // They begin with an empty memory.
  bool actors_keep_policies() const override { return false; }
  // Only where the environments begin anew: at the end of a period.
  bool saves_anywhere() const override { return false; }
  std::optional<WaitState> Waiting(const TrainingActions& actions) const override;

 private:
  // Whether all of the turn is there.
  bool Gather(ExperienceIntake* intake);
  void StoreTurn(TrainingActions* actions);
  void CloseTurn(TrainingActions* actions);
  void OpenTurn(TrainingActions* actions);
  // Whether a period begins at `env_steps`.
  bool PeriodBegins(uint64_t env_steps) const;

  const RunConfig config_;
  const EvaluationScheduler* const evaluations_;
  TurnCoordinator coordinator_;
  std::vector<ExperienceIntake::Entry> batches_;  // Of this turn, those that came.
  bool is_open_ = false;                          // Actors may collect.
  bool is_closed_ = true;                         // What it taught is published.
  bool is_seeded_ = false;                        // By this process, once.
  uint64_t saved_env_steps_ = 0;                  // Where the last checkpoint is.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_TAKING_TURNS_H_
