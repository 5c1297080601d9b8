#include "learner/intake/experience_watch.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace armature {

void ExperienceWatch::CountUsable(const std::string& actor, int64_t steps) {
  Of(actor).usable += steps;
  was_any_usable_ |= steps > 0;
}

void ExperienceWatch::CountVoid(const std::string& actor, int64_t steps, const std::string& cause) {
  Of(actor).voided += steps;
  if (steps > 0 && !cause.empty()) last_cause_ = cause;
}

void ExperienceWatch::CountRefused(const std::string& actor, int64_t steps,
                                   const std::string& cause) {
  Of(actor).refused += steps;
  if (!cause.empty()) last_cause_ = cause;
}

ExperienceWatch::Counts& ExperienceWatch::Of(const std::string& actor) {
  const auto known = counts_.find(actor);
  if (known != counts_.end()) return known->second;
  return counts_[counts_.size() < kActorsMax ? actor : ""];
}

ExperienceWatch::Counts ExperienceWatch::Sum() const {
  Counts sum;
  for (const auto& [actor, counts] : counts_) {
    sum.usable += counts.usable;
    sum.voided += counts.voided;
    sum.refused += counts.refused;
  }
  return sum;
}

std::string ExperienceWatch::Problem(absl::Time now) {
  const int64_t all = Sum().all();
  if (all == 0 || now < begin_) begin_ = now;
  if (now - begin_ < timeout_ || all < kStepsMin) return "";
  if (IsTooLittle()) return Describe();
  counts_.clear();
  begin_ = now;
  return "";
}

std::string ExperienceWatch::ProblemAtEnd() const {
  const bool says_enough = Sum().all() >= kStepsMin || !was_any_usable_;
  return says_enough && IsTooLittle() ? Describe() : "";
}

bool ExperienceWatch::IsTooLittle() const {
  bool any = false;
  for (const auto& [actor, counts] : counts_) {
    const auto all = static_cast<double>(counts.all());
    if (all == 0) continue;
    any = true;
    if (static_cast<double>(counts.usable) >= kUsableShareMin * all) return false;
  }
  return any;
}

std::string ExperienceWatch::Describe() const {
  const Counts sum = Sum();
  return absl::StrCat(
      "the run learns from nothing: of its last ", sum.all(), " environment steps ", sum.voided,
      " were void, for their simulators failed, and ", sum.refused,
      " were refused (learner.unusable_experience_timeout_s=", absl::ToDoubleSeconds(timeout_),
      "); the last cause: ",
      last_cause_.empty() ? "unknown" : absl::StrReplaceAll(last_cause_, {{"\n", " "}}));
}

}  // namespace armature
