// What a learner takes from an actor and what it refuses.
//
// Thread safety: free functions on plain values.
#ifndef ARMATURE_LEARNER_INTAKE_EXPERIENCE_CHECK_H_
#define ARMATURE_LEARNER_INTAKE_EXPERIENCE_CHECK_H_

#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/spec/env_spec.h"
#include "proto/learner_service.pb.h"

namespace armature {

// What an environment's spec allows an episode to be.
struct EpisodeBounds {
  int64_t horizon = 0;  // Control steps; 0: any number.
  // Of one step's reward.
  double reward_low = -std::numeric_limits<double>::infinity();
  double reward_high = std::numeric_limits<double>::infinity();

  static EpisodeBounds Of(const EnvSpec& env) {
    return {env.horizon, env.reward_low, env.reward_high};
  }
};

// What every batch of a run must look like.
struct ExperienceSchema {
  v1::CollectMode mode = v1::COLLECT_MODE_TRANSITIONS;
  int64_t observation_size = 0;       // D
  ActionSpec action;                  // A = action.size()
  int64_t transitions_per_batch = 0;  // Most of one TransitionBatch.
  int64_t unroll_length = 0;          // T
  int64_t rollout_steps = 0;          // Most T * B of one TrajectoryBatch.
  int64_t slots = 0;                  // Of one actor.
  // Env steps that an actor may have taken and sent in no batch yet: counts of theirs
  // may come before them.
  int64_t steps_held = 0;
  EpisodeBounds episode;
};

// Environment steps whose experience `batch` carries: n, or T * B; 0: not set.
int64_t ExperienceSteps(const v1::ExperienceBatch& batch);
// Whether it carries none, since every step that it tells of was void.
bool IsVoid(const v1::ExperienceBatch& batch);
// The oldest policy version in a batch that CheckExperience has accepted; 0: of none.
uint64_t OldestPolicyVersion(const v1::ExperienceBatch& batch);

// OK; InvalidArgument: the length or the return is not one that `bounds` allow (but for
// rounding). The message begins with `name`.
absl::Status CheckEpisode(const EpisodeBounds& bounds, const v1::Episode& episode,
                          absl::string_view name);

// OK; InvalidArgument: content (kind, dtype, shape, a value that is not finite, a
// flag, choice, slot, episode or count out of range); OutOfRange: a policy version that
// is newer than `newest_version`. The message names field and index.
absl::Status CheckExperience(const ExperienceSchema& schema, uint64_t newest_version,
                             const v1::ExperienceBatch& batch);

}  // namespace armature

#endif  // ARMATURE_LEARNER_INTAKE_EXPERIENCE_CHECK_H_
