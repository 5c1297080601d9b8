#include "learner/training/taking_turns.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/random/rng.h"

namespace armature {
namespace {

constexpr uint64_t kTurnStream = 0x707d;  // Differs from the learner's own streams.

TurnCoordinator::Options CoordinatorOptions(const RunConfig& config) {
  TurnCoordinator::Options options;
  options.actors = config.cluster.actors;
  options.steps_per_actor = config.turn_steps() / config.cluster.actors;
  return options;
}

// Ends the episode of each of `slots` slots with its last step.
void Truncate(int64_t slots, v1::TransitionBatch* batch) {
  const std::string& terminated = batch->terminated().packed();
  std::string& truncated = *batch->mutable_truncated()->mutable_packed();
  for (size_t i = truncated.size() - slots; i < truncated.size(); ++i) {
    truncated[i] = terminated[i] == 0;
  }
}

}  // namespace

TakingTurns::TakingTurns(const RunConfig& config, const EvaluationScheduler* evaluations)
    : config_(config), evaluations_(evaluations), coordinator_(CoordinatorOptions(config)) {}

bool TakingTurns::TakeExperience(ExperienceIntake* intake, TrainingActions* actions) {
  if (!is_open_ || !Gather(intake)) return false;
  StoreTurn(actions);
  is_open_ = false;
  is_closed_ = false;
  return true;
}

bool TakingTurns::FinishPass(TrainingActions* actions) {
  if (is_open_ || actions->CanUpdate()) return false;
  if (!is_closed_) CloseTurn(actions);
  if (!evaluations_->idle()) return false;
  const uint64_t env_steps = actions->progress().env_steps();
  if (PeriodBegins(env_steps) && env_steps != saved_env_steps_) {
    actions->Checkpoint();
    saved_env_steps_ = env_steps;
  }
  if (actions->GoesOnWithinBudget()) OpenTurn(actions);
  return true;
}

std::optional<WaitState> TakingTurns::Waiting(const TrainingActions& actions) const {
  if (actions.CanUpdate()) return std::nullopt;
  const std::string evaluation = evaluations_->Waiting();
  if (evaluation.empty()) return WaitState{WaitReason::kExperience, coordinator_.Waiting()};
  return WaitState{WaitReason::kEvaluation, absl::StrCat("the ", evaluation)};
}

bool TakingTurns::Gather(ExperienceIntake* intake) {
  while (std::optional<ExperienceIntake::Entry> entry = intake->Pop()) {
    if (entry->refusal.empty()) {
      batches_.push_back(*std::move(entry));
      continue;
    }
    if (coordinator_.TakesPart(entry->actor)) coordinator_.Break(entry->refusal);
    intake->Refused(*entry, entry->refusal);
  }
  return static_cast<int64_t>(batches_.size()) >= config_.cluster.actors;
}

void TakingTurns::StoreTurn(TrainingActions* actions) {
  std::sort(batches_.begin(), batches_.end(),
            [](const auto& a, const auto& b) { return a.actor < b.actor; });
  const RunProgress& progress = actions->progress();
  const bool period_ends = PeriodBegins(progress.env_steps() + config_.turn_steps());
  for (ExperienceIntake::Entry& entry : batches_) {
    v1::ExperienceBatch& batch = entry.batch;
    // A set is assembled in the order of grants.
    if (batch.has_trajectory()) {
      batch.mutable_trajectory()->set_grant_id(progress.batches_admitted() + 1);
    }
    if (batch.has_transitions() && period_ends) {
      Truncate(config_.collect.envs_per_actor, batch.mutable_transitions());
    }
    actions->Store(entry);
  }
  batches_.clear();
}

void TakingTurns::CloseTurn(TrainingActions* actions) {
  // Publishes even without an update, since the normaliser may have changed; a resumed run does so.
  if (!config_.algorithm.on_policy()) actions->PublishAgain();
  is_closed_ = true;
  actions->SaveStepIfDue();
  if (!actions->progress().is_budget_spent()) actions->EvaluateIfDue();
}

void TakingTurns::OpenTurn(TrainingActions* actions) {
  const uint64_t env_steps = actions->progress().env_steps();
  std::optional<uint64_t> seed;
  if (PeriodBegins(env_steps) || !is_seeded_) {
    seed = Rng({static_cast<uint64_t>(config_.run.seed), kTurnStream, env_steps}).Bits();
    is_seeded_ = true;
  }
  is_open_ = true;
  coordinator_.Open(actions->newest_policy_version(), seed);
  actions->DeliverGrants();
}

bool TakingTurns::PeriodBegins(uint64_t env_steps) const {
  return env_steps % static_cast<uint64_t>(config_.reproducible.period_env_steps) == 0;
}

}  // namespace armature
