// Decides when to evaluate, which policy an outcome belongs to, and what it means for the run.
//
// Data flow: EvaluationScheduler -> EvaluationJudge -> Trainer.
// Thread safety: none; belongs to the trainer's thread.
// Call order: GoOnFrom? (OnPublished AskIfDue HandOut Take)*, then, after training, AskFinal
// (HandOut Take)*.
// Bounds: holds the newest policy, at most 64 that the last asking of an evaluation may refer to,
// and 63 for earlier askings.
#ifndef ARMATURE_LEARNER_TRAINING_EVALUATION_JUDGE_H_
#define ARMATURE_LEARNER_TRAINING_EVALUATION_JUDGE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "common/run_config/run_config.h"
#include "common/spec/env_spec.h"
#include "learner/service/evaluation_scheduler.h"
#include "learner/service/event_slots.h"

namespace armature {

struct Judgement {
  EvaluationOutcome outcome;
  SharedEvent policy;      // The evaluated policy; null if too many newer ones were published.
  bool solved = false;     // `policy` has reached a target.
  bool is_last = false;    // Nothing more to evaluate: the run is over.
  bool is_filmed = false;  // Its recording is to be kept.
  std::string summary;     // The outcome in one line.
};

// Returns one sentence if evaluated episodes may last forever or are cut; else empty.
std::string EpisodeLengthWarning(const EvaluationSection& settings, const EnvSpec& env);

class EvaluationJudge {
 public:
  // `scheduler` must outlive this.
  // Of every `video_every` evaluations, and of the last one, the recording is kept; 0: of none.
  EvaluationJudge(const EvaluationSection& settings, int64_t video_every,
                  EvaluationScheduler* scheduler);

  // Makes a resumed run evaluate at the same env steps as without a stop.
  void GoOnFrom(uint64_t env_steps);
  void OnPublished(SharedEvent policy);

  // Opens an evaluation every evaluation.every_env_steps.
  void AskIfDue(uint64_t env_steps);
  // Opens the evaluation of the newest policy, after any running one.
  void AskFinal(uint64_t env_steps, absl::Time now);
  // When the run ends without a final evaluation if none makes progress before; InfiniteFuture
  // before AskFinal.
  absl::Time final_deadline() const;

  // Hands the open evaluation to an actor; to another after an error or timeout.
  void HandOut(absl::Time now);
  // Returns each outcome once. `env_steps` is the run's current count.
  std::optional<Judgement> Take(bool reports_success, uint64_t env_steps);

 private:
  bool ReachesTarget(const EvaluationOutcome& outcome, bool reports_success) const;

  const EvaluationSection settings_;
  const int64_t video_every_;
  EvaluationScheduler* const scheduler_;
  uint64_t next_env_steps_;
  std::optional<absl::Time> final_asked_;
  SharedEvent newest_;
  // Policies that the running evaluation may refer to: the newest at each hand-out and the ones
  // published next. Empty if no evaluation is running.
  std::map<uint64_t, SharedEvent> candidates_;
  size_t candidates_max_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_EVALUATION_JUDGE_H_
