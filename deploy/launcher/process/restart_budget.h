// How often, and after what wait, a child that died is started again.
//
// A death counts until the child has been healthy for `window` since, all its lives
// together; time in which it does not run, or is not ready, brings nothing back. So a
// child that dies now and then is started for ever, and one that cannot live is given up.
// Thread safety: compatible.
#ifndef ARMATURE_DEPLOY_LAUNCHER_PROCESS_RESTART_BUDGET_H_
#define ARMATURE_DEPLOY_LAUNCHER_PROCESS_RESTART_BUDGET_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>

#include "absl/time/time.h"

namespace armature {

class RestartBudget {
 public:
  using Time = std::chrono::steady_clock::time_point;

  struct Options {
    int64_t restarts_max = 0;      // While so many deaths count, one more is too many.
    absl::Duration window;         // Healthy time for which a death counts.
    absl::Duration backoff_first;  // The wait where no other death counts; then doubled.
    absl::Duration backoff_max;
  };
  struct Restart {
    int64_t number = 0;  // 1 for the first one that counts.
    absl::Duration delay;
  };

  explicit RestartBudget(const Options& options) : options_(options) {}

  // The child is healthy from `now` on.
  void OnReady(Time now) { healthy_since_ = now; }

  // It died. Nothing: its restarts are used up.
  std::optional<Restart> OnDeath(Time now);

 private:
  const Options options_;
  std::optional<Time> healthy_since_;
  absl::Duration healthy_;              // Before that.
  std::deque<absl::Duration> counted_;  // Healthy time at each death that counts.
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_PROCESS_RESTART_BUDGET_H_
