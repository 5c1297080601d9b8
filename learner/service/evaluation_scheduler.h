// Has an actor run deterministic episodes, and asks another (or the same again) when it
// fails, falls silent or goes away.
//
// Call order: Ask, Advance at next_deadline() and after every change, TakeOutcome.
// However long an evaluation takes, it is waited for while its actor says that it gets
// on (GotOn). The silence that is allowed begins with `timeout` and doubles with each
// asking of one evaluation, to kPatienceMax. Who was asked before may still report: the
// first report counts, and each asking is answered by the actor process that got it
// only. After an error the wait before the next asking doubles, 1 s to 30 s.
// Bounds: the kAskingsMax last askings of an evaluation may be answered.
// Thread safety: all methods. Lock order: this before the sinks' own.
#ifndef ARMATURE_LEARNER_SERVICE_EVALUATION_SCHEDULER_H_
#define ARMATURE_LEARNER_SERVICE_EVALUATION_SCHEDULER_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

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
  static constexpr absl::Duration kPatienceMax = absl::Hours(1);
  static constexpr size_t kAskingsMax = 16;

  struct Options {
    int64_t episodes = 1;
    int64_t num_envs = 1;
    int64_t episode_steps_max = 0;              // As EvaluationRequest's.
    uint64_t seed = 0;                          // Of the run.
    absl::Duration timeout = absl::Minutes(2);  // evaluation.timeout_s
  };
  explicit EvaluationScheduler(const Options& options) : options_(options) {}

  // What reported episodes may be, once the environment is known.
  void SetBounds(const EpisodeBounds& bounds);

  uint64_t AddEvaluator(ActorKey actor, std::weak_ptr<EventSink> sink);
  // Asks another what it was asked.
  void RemoveEvaluator(uint64_t evaluator);

  // Opens an evaluation of a policy at least `policy_version_min`; false: one is
  // open already.
  bool Ask(uint64_t policy_version_min, uint64_t env_steps);
  // Hands out what is open and in no one's hands (true: it did just now); takes it
  // back from whom has been silent for too long.
  bool Advance(absl::Time now);
  // `actor` says that it gets on with what it was asked by this id; ignored where it is
  // not so.
  void GotOn(const ActorKey& actor, uint64_t evaluation_id, absl::Time now);
  // The last time that someone did, or reported; InfinitePast: never.
  absl::Time last_got_on() const;
  // When Advance has something to do; InfiniteFuture: only after a change.
  absl::Time next_deadline() const;

  // OK, also for one that reports an error; NotFound: it is not open (any more), or
  // was asked of another than the handshake names; InvalidArgument: an episode is
  // missing, surplus or not as the bounds have it, or the policy is older than was asked
  // for, which counts as an error.
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
    ActorKey actor;
    std::weak_ptr<EventSink> sink;
  };
  struct Open {
    uint64_t policy_version_min = 0;
    uint64_t env_steps = 0;
    uint64_t evaluator = 0;  // Who has it; 0: no one.
    // By evaluation_id, each until it has reported; the last is the evaluator's.
    std::deque<std::pair<uint64_t, ActorKey>> askings;
    absl::Duration patience;  // With the evaluator.
    absl::Time deadline;      // Of this asking.
    absl::Time not_before;    // Of the next one.
    int failures = 0;
  };
  using Asking = std::deque<std::pair<uint64_t, ActorKey>>::iterator;

  // Of open_; its askings' end: there is none such.
  Asking FindAsking(const ActorKey& actor, uint64_t evaluation_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsCurrent(Asking asking) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // An asking that is answered with an error.
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
