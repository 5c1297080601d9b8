// Decides whether, and after what wait, a dead child is restarted.
//
// A death counts until the child has since been healthy for `window`, summed over all its lives;
// time while it is down or not ready does not add to that. So a child that dies now and then is
// restarted for ever, and one that cannot live is given up.
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
    int64_t restarts_max = 0;      // If this many deaths count, the next one is too many.
    absl::Duration window;         // Healthy time after which a death stops counting.
    absl::Duration backoff_first;  // Wait if no other death counts; doubles for each that does.
    absl::Duration backoff_max;
  };
  struct Restart {
    int64_t number = 0;  // 1 for the first restart that counts.
    absl::Duration delay;
  };

  explicit RestartBudget(const Options& options) : options_(options) {}

  // The child is healthy from `now` on.
  void OnReady(Time now) { healthy_since_ = now; }

  // The child has died. Returns nothing if its restarts are used up.
  std::optional<Restart> OnDeath(Time now);

 private:
  const Options options_;
  std::optional<Time> healthy_since_;
  absl::Duration healthy_;              // Healthy time before healthy_since_.
  std::deque<absl::Duration> counted_;  // Healthy time at each death that counts.
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_PROCESS_RESTART_BUDGET_H_
