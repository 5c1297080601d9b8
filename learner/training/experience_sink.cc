#include "learner/training/experience_sink.h"

#include <algorithm>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "learner/intake/experience_check.h"

namespace armature {
namespace {

// Limits the count for a refused batch, since its size was not checked.
constexpr int64_t kRefusedStepsMax = 1000;

}  // namespace

void ExperienceSink::Store(const ExperienceIntake::Entry& entry, LearningCore* core) {
  const v1::ExperienceBatch& batch = entry.batch;
  progress_->CountBatch(batch);
  const auto voided = static_cast<int64_t>(batch.restarted_slots());
  watch_.CountVoid(entry.actor.first, voided, batch.fault());
  // A trajectory's steps include its void steps.
  const int64_t steps = ExperienceSteps(batch);
  const int64_t usable = batch.has_trajectory() ? std::max<int64_t>(0, steps - voided) : steps;
  const absl::Status status = IsVoid(batch) ? absl::OkStatus() : core->Insert(entry.actor, batch);
  if (status.ok()) {
    watch_.CountUsable(entry.actor.first, usable);
    progress_->CountAdmitted();
    metrics_->batches_admitted.Increment();
    intake_->Stored(entry);
    return;
  }
  watch_.CountRefused(entry.actor.first, usable, std::string(status.message()));
  progress_->CountRefused();
  (absl::IsInvalidArgument(status) ? metrics_->batches_refused_content
                                   : metrics_->batches_refused_stale)
      .Increment();
  intake_->Refused(entry, absl::StrCat("actor ", entry.actor.first, ", batch ", batch.sequence(),
                                       ": ", status.message()));
}

void ExperienceSink::Refuse(const ExperienceIntake::Entry& entry) {
  watch_.CountRefused(entry.actor.first, std::min(entry.refused_steps, kRefusedStepsMax),
                      entry.refusal);
  progress_->CountRefused();
  intake_->Refused(entry, entry.refusal);
}

void ExperienceSink::ShowHolding(const LearningCore& core) const {
  const LearningCore::Holding holding = core.holding();
  metrics_->replay_transitions.Set(holding.transitions);
  metrics_->replay_bytes.Set(holding.bytes);
  metrics_->replay_fill_ratio.Set(holding.fill_ratio);
}

}  // namespace armature
