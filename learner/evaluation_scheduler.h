// Has one actor at a time run deterministic episodes, and asks another (or the same
// again) when it fails, times out or goes away.
//
// Call order: Ask, Advance at next_deadline() and after every change, TakeOutcome.
// Every asking has its own evaluation_id: what is reported for an older one is
// NotFound. After an error the wait before the next asking doubles, 1 s to 30 s.
// Thread safety: all methods. Lock order: this before the sinks' own.
#ifndef ARMATURE_LEARNER_EVALUATION_SCHEDULER_H_
#define ARMATURE_LEARNER_EVALUATION_SCHEDULER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "learner/event_slots.h"
#include "proto/learner_service.pb.h"

namespace armature {

struct EvaluationOutcome {
  uint64_t env_steps = 0;  // Of the run, when it was asked for.
  uint64_t policy_version = 0;
  int64_t episodes = 0;
  int64_t episodes_cut = 0;  // Of them, at EvaluationRequest.episode_steps_max.
  double return_mean = 0;
  double length_mean = 0;
  double success_rate = 0;  // Over the episodes' last steps.
};

class EvaluationScheduler {
 public:
  struct Options {
    int64_t episodes = 1;
    int64_t num_envs = 1;
    int64_t episode_steps_max = 0;  // As EvaluationRequest's.
    uint64_t seed = 0;              // Of the run.
    absl::Duration timeout = absl::Minutes(2);
    // Evaluations are numbered from here on: a resumed run repeats no number.
    uint64_t last_evaluation_id = 0;
  };
  explicit EvaluationScheduler(const Options& options)
      : options_(options), last_evaluation_id_(options.last_evaluation_id) {}

  // `name` is the actor's, for messages.
  uint64_t AddEvaluator(std::string name, std::weak_ptr<EventSink> sink);
  // Takes back what it was asked.
  void RemoveEvaluator(uint64_t evaluator);

  // Opens an evaluation of a policy at least `policy_version_min`; false: one is
  // open already.
  bool Ask(uint64_t policy_version_min, uint64_t env_steps);
  // Hands out what is open and in no one's hands (true: it did just now); takes it
  // back after the timeout.
  bool Advance(absl::Time now);
  // When Advance has something to do; InfiniteFuture: only after a change.
  absl::Time next_deadline() const;

  // OK, also for one that reports an error; NotFound: it is not open (any more);
  // InvalidArgument: an episode is missing, surplus or not finite, or the policy is
  // older than was asked for. The last two count as errors.
  absl::Status Report(const v1::EvaluationResult& result, absl::Time now);

  // The outcome of what was asked, once.
  std::optional<EvaluationOutcome> TakeOutcome();

  // Whether nothing is open and no outcome is to be taken.
  bool idle() const;
  // Whom an open evaluation waits for, as a sentence; empty: none is open.
  std::string Waiting() const;
  uint64_t failures() const;  // Errors, timeouts and disconnections, ever.

 private:
  struct Evaluator {
    std::string name;
    std::weak_ptr<EventSink> sink;
  };
  struct Open {
    uint64_t policy_version_min = 0;
    uint64_t env_steps = 0;
    uint64_t evaluator = 0;      // Who has it; 0: no one.
    uint64_t evaluation_id = 0;  // Of this asking.
    absl::Time deadline;         // Of this asking.
    absl::Time not_before;       // Of the next one.
    int failures = 0;
  };

  void TakeBack(absl::Time now, const std::string& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Check(const v1::EvaluationResult& result) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  mutable absl::Mutex mutex_;
  std::map<uint64_t, Evaluator> evaluators_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_evaluator_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t last_asked_ ABSL_GUARDED_BY(mutex_) = 0;  // Evaluators take turns.
  uint64_t last_evaluation_id_ ABSL_GUARDED_BY(mutex_);
  std::optional<Open> open_ ABSL_GUARDED_BY(mutex_);
  std::optional<EvaluationOutcome> outcome_ ABSL_GUARDED_BY(mutex_);
  uint64_t failures_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_EVALUATION_SCHEDULER_H_
