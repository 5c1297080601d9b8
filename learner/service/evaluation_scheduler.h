// Has an actor run deterministic episodes. If that actor fails, falls silent or goes away, asks the
// next one (or the same one again).
//
// Call order: Ask, Advance at next_deadline() and after every change, TakeOutcome.
// An "asking" is one request to one actor. An evaluation may take any time while its actor reports
// progress (GotOn). The allowed silence starts at `timeout` and doubles each time it is exceeded,
// up to kPatienceMax. Actors asked earlier may still report: the first valid report counts, and
// only the actor process that got an asking may answer it. After an error, the wait before the next
// asking doubles, from 1 s to 30 s.
// Bounds: the last kAskingsMax askings of an evaluation may be answered.
// Thread safety: all methods. Lock order: this lock before the sinks' locks.
#ifndef ARMATURE_LEARNER_SERVICE_EVALUATION_SCHEDULER_H_
#define ARMATURE_LEARNER_SERVICE_EVALUATION_SCHEDULER_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "learner/intake/actor_key.h"
#include "learner/intake/experience_check.h"
#include "learner/service/event_slots.h"
#include "proto/learner_service.pb.h"
#include "spdlog/common.h"

namespace armature {

struct EvaluationOutcome {
  uint64_t env_steps = 0;  // The run's, when asked for.
  uint64_t policy_version = 0;
  int64_t episodes = 0;
  int64_t episodes_cut = 0;  // Cut at EvaluationRequest.episode_steps_max.
  double return_mean = 0;
  double length_mean = 0;
  double success_rate = 0;           // Share of episodes whose last step was a success.
  std::vector<double> metric_means;  // The spec's metrics, in order.
  // If asked for: the first episode, as a file NAME.episodes; else why there is none.
  std::string recording;
  std::string recording_problem;
};

class EvaluationScheduler {
 public:
  static constexpr absl::Duration kPatienceMax = absl::Hours(1);
  static constexpr size_t kAskingsMax = 16;

  struct Options {
    int64_t episodes = 1;
    int64_t num_envs = 1;
    int64_t episode_steps_max = 0;              // As in EvaluationRequest.
    uint64_t seed = 0;                          // The run's seed.
    std::map<std::string, double> parameters;   // Of the episodes; others initial.
    absl::Duration timeout = absl::Minutes(2);  // evaluation.timeout_s
  };
  explicit EvaluationScheduler(const Options& options) : options_(options) {}

  // Limits on reported episodes; set once the environment is known.
  void SetBounds(const EpisodeBounds& bounds);

  uint64_t AddEvaluator(ActorKey actor, std::weak_ptr<EventSink> sink);
  // Its evaluation goes to another actor.
  void RemoveEvaluator(uint64_t evaluator);

  // Opens an evaluation of policy version `policy_version_min` or newer; with `records`, its first
  // episode is recorded. Returns false if one is open or not taken yet.
  bool Ask(uint64_t policy_version_min, uint64_t env_steps, bool records = false);
  // Takes the open evaluation back from an actor silent too long; hands it out if no actor has it.
  // Returns whether it did hand it out.
  bool Advance(absl::Time now);
  // `actor` reports progress on asking `evaluation_id`. Ignored if it did not get that asking.
  void GotOn(const ActorKey& actor, uint64_t evaluation_id, absl::Time now);
  // When an actor last reported progress or a result; InfinitePast if never.
  absl::Time last_got_on() const;
  // When Advance next has work; InfiniteFuture: only after a change.
  absl::Time next_deadline() const;

  // Returns OK even if `result` reports an error; NotFound if the evaluation is not open (any more)
  // or the actor in the handshake was not asked for it; InvalidArgument if episodes are missing,
  // surplus or out of bounds, or the policy is older than asked for (this counts as the actor's
  // error).
  absl::Status Report(const v1::EvaluationResult& result, absl::Time now);

  // Returns each outcome once.
  std::optional<EvaluationOutcome> TakeOutcome();

  // Whether no evaluation is open and no outcome is waiting.
  bool idle() const;
  // Which actor an evaluation waits for, as a sentence; empty if none is open.
  std::string Waiting() const;
  uint64_t failures() const;  // Errors, timeouts and disconnections so far.

 private:
  struct Evaluator {
    ActorKey actor;
    std::weak_ptr<EventSink> sink;
  };
  struct Open {
    uint64_t policy_version_min = 0;
    uint64_t env_steps = 0;
    bool records = false;
    uint64_t evaluator = 0;  // The actor that has it; 0: none.
    // evaluation_id and actor, until it reports an error. The last is `evaluator`'s, if set.
    std::deque<std::pair<uint64_t, ActorKey>> askings;
    absl::Duration patience;  // Allowed silence.
    absl::Time deadline;      // Of the current asking.
    absl::Time not_before;    // Earliest time of the next asking.
    int failures = 0;
  };
  using Asking = std::deque<std::pair<uint64_t, ActorKey>>::iterator;

  // Searches open_; returns its askings' end if there is no match.
  Asking FindAsking(const ActorKey& actor, uint64_t evaluation_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsCurrent(Asking asking) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Removes an asking that was answered with an error.
  void Fail(Asking asking, absl::Time now, const std::string& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeBack(absl::Time now, const std::string& why,
                spdlog::level::level_enum level = spdlog::level::warn)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Check(const v1::EvaluationResult& result) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  mutable absl::Mutex mutex_;
  std::map<uint64_t, Evaluator> evaluators_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_evaluator_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t last_asked_ ABSL_GUARDED_BY(mutex_) = 0;  // Evaluators take turns.
  absl::Time last_got_on_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  EpisodeBounds bounds_ ABSL_GUARDED_BY(mutex_);
  std::optional<Open> open_ ABSL_GUARDED_BY(mutex_);
  std::optional<EvaluationOutcome> outcome_ ABSL_GUARDED_BY(mutex_);
  uint64_t failures_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_SERVICE_EVALUATION_SCHEDULER_H_
