#include "learner/replay/samples_per_insert_limiter.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace armature {

SamplesPerInsertLimiter::SamplesPerInsertLimiter(const Options& options)
    : options_(options), band_(options.tolerance * options.size_min * options.samples_per_insert) {}

double SamplesPerInsertLimiter::LeadAfter(int64_t inserted, int64_t sampled) const {
  return static_cast<double>(inserted_ + inserted - options_.size_min) *
             options_.samples_per_insert -
         static_cast<double>(sampled_ + sampled);
}

bool SamplesPerInsertLimiter::CanInsert(int64_t transitions) const {
  return inserted_ + transitions <= options_.size_min || LeadAfter(transitions, 0) <= band_;
}

bool SamplesPerInsertLimiter::CanSample(int64_t transitions) const {
  return inserted_ >= options_.size_min && LeadAfter(0, transitions) >= -band_;
}

std::string SamplesPerInsertLimiter::WhyNoInsert(int64_t transitions) const {
  if (CanInsert(transitions)) return "";
  return absl::StrCat("actors wait for the learner: ", transitions, " more transitions after ",
                      inserted_, " would put it ", LeadAfter(transitions, 0),
                      " samples behind, of ", band_, " allowed");
}

std::string SamplesPerInsertLimiter::WhyNoSample(int64_t transitions) const {
  if (CanSample(transitions)) return "";
  if (inserted_ < options_.size_min) {
    return absl::StrCat("learner waits for experience: ", inserted_, " of ", options_.size_min,
                        " transitions before the first update");
  }
  return absl::StrCat("learner waits for experience: ", transitions, " more samples after ",
                      sampled_, " would put it ", -LeadAfter(0, transitions), " samples ahead, of ",
                      band_, " allowed");
}

void SamplesPerInsertLimiter::Restore(int64_t inserted, int64_t sampled) {
  inserted_ = inserted;
  sampled_ = sampled;
  if (inserted_ < options_.size_min) {
    sampled_ = 0;
  } else if (std::abs(LeadAfter(0, 0)) > band_) {
    sampled_ += std::llround(LeadAfter(0, 0));
  }
}

}  // namespace armature
