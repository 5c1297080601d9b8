// Notices a run that learns from nothing: nearly all of its experience is void, since its
// simulators fail, or is refused.
//
// It counts environment steps in windows of at least `timeout` and kStepsMin steps, one
// after the other. A window in which less than kUsableShareMin of any actor's could be
// learned from is a problem: what one actor claims of its own says nothing of the others'
// (a count of void steps is its word only). A flaky environment (1 step in 50 void), or an env
// server that dies, is far from it; so is a fault that passes sooner. Thread safety: none; the
// trainer's.
#ifndef ARMATURE_LEARNER_INTAKE_EXPERIENCE_WATCH_H_
#define ARMATURE_LEARNER_INTAKE_EXPERIENCE_WATCH_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "absl/time/time.h"

namespace armature {

class ExperienceWatch {
 public:
  static constexpr int64_t kStepsMin = 100;
  static constexpr double kUsableShareMin = 0.05;
  static constexpr size_t kActorsMax = 1000;

  explicit ExperienceWatch(absl::Duration timeout) : timeout_(timeout) {}

  // `actor`: whose, by name. Beyond kActorsMax in a window they count as one.
  void CountUsable(const std::string& actor, int64_t steps);
  // The cause of the last, in words; empty: it is not known.
  void CountVoid(const std::string& actor, int64_t steps, const std::string& cause);
  void CountRefused(const std::string& actor, int64_t steps, const std::string& cause);

  // What is wrong with the window that is over now, in one sentence with the last cause;
  // empty: nothing, or it goes on.
  std::string Problem(absl::Time now);
  // The same of the window under way, however short: the run is about to end.
  std::string ProblemAtEnd() const;

 private:
  struct Counts {
    int64_t usable = 0;
    int64_t voided = 0;
    int64_t refused = 0;
    int64_t all() const { return usable + voided + refused; }
  };

  Counts& Of(const std::string& actor);
  Counts Sum() const;
  // From every actor.
  bool IsTooLittle() const;
  std::string Describe() const;

  const absl::Duration timeout_;
  absl::Time begin_ = absl::InfiniteFuture();  // Of the window under way.
  std::map<std::string, Counts> counts_;       // In it, by actor.
  bool was_any_usable_ = false;                // Ever.
  std::string last_cause_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_INTAKE_EXPERIENCE_WATCH_H_
