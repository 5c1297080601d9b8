// Raises a parameter of the environment as the policy gets better, and lowers it as it gets worse.
//
// The level is the parameter's value for training's episodes. Only episodes that began with the
// present level count. When there are N = curriculum.episodes of them, the mean of their successes
// (or returns) over the last N decides after each further one:
//   mean >= raise_at: level <- min(level + step, high)
//   mean <= lower_at: level <- max(level - step, low)
// After a change the count starts over. At a limit it goes on.
// Data flow: ExperienceIntake -> Add -> PolicyUpdate.parameters.
// Determinism: depends only on the episodes and their order, so that reproducible runs repeat.
// Thread safety: none; belongs to the trainer's thread.
#ifndef ARMATURE_LEARNER_TRAINING_CURRICULUM_H_
#define ARMATURE_LEARNER_TRAINING_CURRICULUM_H_

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "ATen/ATen.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/policy/named_tensors.h"
#include "common/run_config/parameter_config.h"
#include "common/spec/env_spec.h"
#include "proto/learner_service.pb.h"

namespace armature {

class Curriculum {
 public:
  // `section` must be enabled and valid. Returns PlanCurriculum's errors.
  static absl::StatusOr<Curriculum> Create(const CurriculumSection& section, const EnvSpec& env);

  // Takes in a training episode of the environment, in order. Returns whether the level changed.
  bool Add(const v1::Episode& episode);

  const std::string& parameter() const { return section_.parameter; }
  double level() const { return level_; }

  // "curriculum.level" and "curriculum.episodes" (what counts at this level), float64.
  NamedTensors State() const;
  // Goes on from a state; from the start if it has none. A level beyond the present limits becomes
  // the nearest limit. Returns InvalidArgument, without any change, if a tensor does not fit.
  absl::Status LoadState(const std::map<std::string, at::Tensor>& state);

 private:
  Curriculum(const CurriculumSection& section, const CurriculumPlan& plan)
      : section_(section), plan_(plan), level_(plan.start) {}

  double Mean() const;
  // Returns whether it differs from the present level; then the count starts over.
  bool SetLevel(double level);

  CurriculumSection section_;
  CurriculumPlan plan_;
  double level_;
  std::deque<double> values_;  // Successes (0 or 1) or returns at this level; at most N.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_CURRICULUM_H_
