// The trainer's part in reproducible runs: acting and learning take turns, in an order
// that nothing but the seed decides.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "common/random/rng.h"
#include "common/sync/steady_time.h"
#include "learner/training/trainer.h"

namespace armature {
namespace {

constexpr uint64_t kRoundStream = 0x707d;  // Apart from the learner's own draws.

// The last step of each of `slots` slots ends its episode.
void Truncate(int64_t slots, v1::TransitionBatch* batch) {
  const std::string& terminated = batch->terminated().packed();
  std::string& truncated = *batch->mutable_truncated()->mutable_packed();
  for (size_t i = truncated.size() - slots; i < truncated.size(); ++i) {
    truncated[i] = terminated[i] == 0;
  }
}

}  // namespace

// Inserts a round once all of it is there, in the order of the actors' names.
bool Trainer::TakeRound() {
  if (phase_ != Phase::kTraining || !round_open_) return false;
  while (std::optional<ExperienceIntake::Entry> entry = parts_.intake->Pop()) {
    if (entry->refusal.empty()) {
      round_.push_back(*std::move(entry));
      continue;
    }
    if (parts_.rounds->TakesPart(entry->actor)) parts_.rounds->Break(entry->refusal);
    parts_.intake->Refused(*entry, entry->refusal);
  }
  if (static_cast<int64_t>(round_.size()) < config_.cluster.actors) return false;
  std::sort(round_.begin(), round_.end(),
            [](const auto& a, const auto& b) { return a.actor < b.actor; });
  const bool period_ends =
      (counters_.env_steps + config_.round_steps()) % config_.reproducible.period_env_steps == 0;
  for (ExperienceIntake::Entry& entry : round_) {
    v1::ExperienceBatch& batch = entry.batch;
    // A set is put together in the order of grants.
    if (batch.has_trajectory())
      batch.mutable_trajectory()->set_grant_id(counters_.batches_admitted + 1);
    if (batch.has_transitions() && period_ends) {
      Truncate(config_.collect.envs_per_actor, batch.mutable_transitions());
    }
    Store(entry);
  }
  round_.clear();
  round_open_ = false;
  round_published_ = false;
  OnInserted();
  return true;
}

// Once a round is learned from: publishes, keeps the step's model, lets the policy be evaluated
// where that is due, saves at the end of a period, and opens the next round.
bool Trainer::EndRound() {
  if (round_open_ || core_->CanUpdate()) return false;
  const uint64_t period = config_.reproducible.period_env_steps;
  const bool period_begins = counters_.env_steps % period == 0;
  const bool spent = counters_.env_steps >= static_cast<uint64_t>(config_.run.total_env_steps);
  if (!round_published_) {
    // Also what no update has changed, such as the normaliser: a resumed run does so.
    if (!config_.algorithm.on_policy() && newest_policy_ != nullptr) Publish();
    round_published_ = true;
    if (saver_.StepDue(counters_.env_steps)) SaveStep(saver_.StepOf(counters_.env_steps));
    if (!spent) judge_.AskIfDue(counters_.env_steps);
    judge_.HandOut(SteadyTime());
  }
  if (!parts_.evaluations->idle()) return false;
  if (period_begins && counters_.env_steps != saved_env_steps_) {
    Checkpoint();
    saved_env_steps_ = counters_.env_steps;
  }
  EndIfBudgetIsSpent();
  if (phase_ != Phase::kTraining) return true;
  std::optional<uint64_t> seed;
  if (period_begins || !round_seeded_) {
    seed = Rng({static_cast<uint64_t>(config_.run.seed), kRoundStream, counters_.env_steps}).Bits();
    round_seeded_ = true;
  }
  round_open_ = true;
  parts_.rounds->Open(parts_.publisher->newest_version(), seed);
  parts_.intake->Deliver(parts_.rounds->Issue(SteadyTime()));
  return true;
}

}  // namespace armature
