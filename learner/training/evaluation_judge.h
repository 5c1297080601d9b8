// Decides when the policy is evaluated, finds out which policy an outcome is of,
// and says what it means for the run.
//
// Data flow: EvaluationScheduler -> EvaluationJudge -> Trainer.
// Thread safety: none; belongs to the trainer's thread.
// Call order: GoOnFrom? (OnPublished | AskIfDue | HandOut | Take)* then, once
// training is over, AskFinal (HandOut | Take)*.
// Bounds: holds the newest policy and at most 64 that the last asking of an evaluation
// may be of, 63 those before.
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
  SharedEvent policy;    // What was evaluated; null: too many have replaced it.
  bool solved = false;   // A target is reached, by `policy`.
  bool is_last = false;  // Nothing is left to evaluate: the run is over.
  std::string summary;   // The outcome in one line.
};

// One sentence where evaluated episodes may last for ever, or are cut; else empty.
std::string EpisodeLengthWarning(const EvaluationSection& settings, const EnvSpec& env);

class EvaluationJudge {
 public:
  // `scheduler` must outlive it.
  EvaluationJudge(const EvaluationSection& settings, EvaluationScheduler* scheduler);

  // A resumed run evaluates next when it would have anyway.
  void GoOnFrom(uint64_t env_steps);
  void OnPublished(SharedEvent policy);

  // Opens an evaluation every evaluation.every_env_steps.
  void AskIfDue(uint64_t env_steps);
  // Opens that of the newest policy, after the one under way.
  void AskFinal(uint64_t env_steps, absl::Time now);
  // When the run ends without its final evaluation, unless an evaluation gets on before;
  // InfiniteFuture: not asked yet.
  absl::Time final_deadline() const;

  // Hands what is open to an actor, again after an error or a timeout.
  void HandOut(absl::Time now);
  // What an evaluation says, once. `env_steps`: of the run now.
  std::optional<Judgement> Take(bool reports_success, uint64_t env_steps);

 private:
  bool ReachesTarget(const EvaluationOutcome& outcome, bool reports_success) const;

  const EvaluationSection settings_;
  EvaluationScheduler* const scheduler_;
  uint64_t next_env_steps_;
  std::optional<absl::Time> final_asked_;
  SharedEvent newest_;
  // Policies that the evaluation under way may be of: the newest whenever it was
  // handed out and those published next. Empty: none is under way.
  std::map<uint64_t, SharedEvent> candidates_;
  size_t candidates_max_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_EVALUATION_JUDGE_H_
