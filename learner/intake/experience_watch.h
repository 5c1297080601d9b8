// Detects a run that learns from almost nothing, because its experience is void (simulators fail)
// or refused.
//
// It counts env steps in consecutive windows of at least `timeout` and kStepsMin steps. A window is
// a problem if no actor's usable share reaches kUsableShareMin. Each actor is judged alone, because
// its count of void steps is only a claim. A flaky environment (1 in 50 steps void), a crashing env
// server or a short fault stays far from the limit.
// Thread safety: none; belongs to the trainer.
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

  // `actor` is a name. Beyond kActorsMax in a window, further actors are counted as one.
  void CountUsable(const std::string& actor, int64_t steps);
  // `cause` describes the fault; empty if unknown.
  void CountVoid(const std::string& actor, int64_t steps, const std::string& cause);
  void CountRefused(const std::string& actor, int64_t steps, const std::string& cause);

  // If the current window is complete and has a problem, returns one sentence that includes the
  // last cause. Otherwise returns empty, and starts a new window if the current one is complete.
  std::string Problem(absl::Time now);
  // The same for the current window at the end of the run. A window below kStepsMin counts only if
  // no step of the run was usable.
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
  // Whether every actor had too few usable steps.
  bool IsTooLittle() const;
  std::string Describe() const;

  const absl::Duration timeout_;
  absl::Time begin_ = absl::InfiniteFuture();  // Start of the current window.
  std::map<std::string, Counts> counts_;       // In the window, by actor.
  bool was_any_usable_ = false;                // In the whole run.
  std::string last_cause_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_INTAKE_EXPERIENCE_WATCH_H_
