#include "learner/experience_watch.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace armature {

void ExperienceWatch::CountUsable(int64_t steps) {
  counts_.usable += steps;
  was_any_usable_ |= steps > 0;
}

void ExperienceWatch::CountVoid(int64_t steps, const std::string& cause) {
  counts_.voided += steps;
  if (steps > 0 && !cause.empty()) last_cause_ = cause;
}

void ExperienceWatch::CountRefused(int64_t steps, const std::string& cause) {
  counts_.refused += steps;
  if (!cause.empty()) last_cause_ = cause;
}

std::string ExperienceWatch::Problem(absl::Time now) {
  if (counts_.all() == 0 || now < begin_) begin_ = now;
  if (now - begin_ < timeout_ || counts_.all() < kStepsMin) return "";
  if (IsTooLittle()) return Describe();
  counts_ = Counts();
  begin_ = now;
  return "";
}

std::string ExperienceWatch::ProblemAtEnd() const {
  const bool says_enough = counts_.all() >= kStepsMin || !was_any_usable_;
  return says_enough && IsTooLittle() ? Describe() : "";
}

bool ExperienceWatch::IsTooLittle() const {
  return static_cast<double>(counts_.usable) < kUsableShareMin * static_cast<double>(counts_.all());
}

std::string ExperienceWatch::Describe() const {
  return absl::StrCat(
      "the run learns from nothing: of its last ", counts_.all(), " environment steps ",
      counts_.voided, " were void, for their simulators failed, and ", counts_.refused,
      " were refused (learner.unusable_experience_timeout_s=", absl::ToDoubleSeconds(timeout_),
      "); the last cause: ",
      last_cause_.empty() ? "unknown" : absl::StrReplaceAll(last_cause_, {{"\n", " "}}));
}

}  // namespace armature
