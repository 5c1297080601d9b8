// For reproducible runs: acting and learning take turns in an order that depends only on the seed.
// In a turn, every actor collects the same number of steps with the same policy. The learner then
// inserts all of them, learns, publishes and does whatever is due before the next turn.
//
// Thread safety: as for CollectionMode.
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
  // `evaluations` must outlive this.
  TakingTurns(const RunConfig& config, const EvaluationScheduler* evaluations);

  CollectCoordinator& coordinator() override { return coordinator_; }
  void GoOnFrom(uint64_t env_steps) override { saved_env_steps_ = env_steps; }
  absl::Status Check() const override { return coordinator_.Check(); }
  // Stores a turn once all of it is there, in the order of the actors' names.
  bool TakeExperience(ExperienceIntake* intake, TrainingActions* actions) override;
  // Once a turn is learned from: publishes, saves by step and evaluates if due, writes a checkpoint
  // at the end of a period, and opens the next turn.
  bool FinishPass(TrainingActions* actions) override;
  // The actors start with an empty memory.
  bool actors_keep_policies() const override { return false; }
  // Saves only at the end of a period, where the environments restart.
  bool saves_anywhere() const override { return false; }
  std::optional<WaitState> Waiting(const TrainingActions& actions) const override;

 private:
  // Returns whether all of the turn is there.
  bool Gather(ExperienceIntake* intake);
  void StoreTurn(TrainingActions* actions);
  void CloseTurn(TrainingActions* actions);
  void OpenTurn(TrainingActions* actions);
  // Whether a period begins at `env_steps`.
  bool PeriodBegins(uint64_t env_steps) const;

  const RunConfig config_;
  const EvaluationScheduler* const evaluations_;
  TurnCoordinator coordinator_;
  std::vector<ExperienceIntake::Entry> batches_;  // Received in this turn.
  bool is_open_ = false;                          // Actors may collect.
  bool is_closed_ = true;                         // What the turn taught is published.
  bool is_seeded_ = false;                        // This process has sent a seed.
  uint64_t saved_env_steps_ = 0;                  // Env steps at the last checkpoint.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_TAKING_TURNS_H_
