// Checks what actors send; the learner refuses what does not pass.
//
// Thread safety: free functions on plain values.
#ifndef ARMATURE_LEARNER_INTAKE_EXPERIENCE_CHECK_H_
#define ARMATURE_LEARNER_INTAKE_EXPERIENCE_CHECK_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/spec/env_spec.h"
#include "proto/learner_service.pb.h"

namespace armature {

// What an episode of the environment must look like, from its spec.
struct EpisodeBounds {
  int64_t horizon = 0;  // Control steps; 0 if unlimited.
  // Bounds of one step's reward.
  double reward_low = -std::numeric_limits<double>::infinity();
  double reward_high = std::numeric_limits<double>::infinity();
  std::vector<MetricSpec> metrics = {};
  std::vector<ParameterSpec> parameters = {};

  static EpisodeBounds Of(const EnvSpec& env) {
    return {env.horizon, env.reward_low, env.reward_high, env.metrics, env.parameters};
  }
};

// What every batch of a run must look like.
struct ExperienceSchema {
  v1::CollectMode mode = v1::COLLECT_MODE_TRANSITIONS;
  int64_t observation_size = 0;       // D
  ActionSpec action;                  // A = action.size()
  int64_t goal_extra_size = 0;        // E
  int64_t transitions_per_batch = 0;  // Maximum in one TransitionBatch.
  int64_t unroll_length = 0;          // T
  int64_t rollout_steps = 0;          // Maximum T * B of one TrajectoryBatch.
  int64_t slots = 0;                  // Per actor.
  // Env steps that an actor may have taken but not sent in a batch yet. Batches may already count
  // their episodes.
  int64_t steps_held = 0;
  EpisodeBounds episode;
};

// Env steps in `batch`: n, or T * B; 0 if it carries neither.
int64_t ExperienceSteps(const v1::ExperienceBatch& batch);
// Whether the batch has no experience because all its steps were void.
bool IsVoid(const v1::ExperienceBatch& batch);
// The oldest policy version in an accepted batch; 0 if no policy chose its actions.
uint64_t OldestPolicyVersion(const v1::ExperienceBatch& batch);

// Returns InvalidArgument if the length, return (with a tolerance for rounding) or a parameter is
// outside of `bounds`, or there are not as many finite metrics and parameters. The message begins
// with `name`.
absl::Status CheckEpisode(const EpisodeBounds& bounds, const v1::Episode& episode,
                          absl::string_view name);

// Returns InvalidArgument for bad content (kind, dtype, shape, a non-finite value, or a flag,
// choice, slot, episode or count out of range); OutOfRange if a policy version is newer than
// `newest_version`. The message names field and index.
absl::Status CheckExperience(const ExperienceSchema& schema, uint64_t newest_version,
                             const v1::ExperienceBatch& batch);

}  // namespace armature

#endif  // ARMATURE_LEARNER_INTAKE_EXPERIENCE_CHECK_H_
