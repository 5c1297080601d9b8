// A small environment and valid experience of it, for tests.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_TESTING_EXPERIENCE_H_
#define ARMATURE_LEARNER_TESTING_EXPERIENCE_H_

#include <cstdint>

#include "common/run_config/run_config.h"
#include "common/spec/env_spec.h"
#include "learner/intake/experience_check.h"
#include "proto/learner_service.pb.h"

namespace armature {

// "point": 3 observation values, a Box of 2, horizon 10, reports success.
EnvSpec PointSpec();
// A fast run of it: tiny networks, no evaluation, no periodic checkpoint.
RunConfig PointSacConfig();
RunConfig PointPpoConfig();  // Sets of 16 steps, unrolls of 4.
ExperienceSchema PointSchema(v1::CollectMode mode);

// `n` steps with values that depend on `sequence`. One successful episode with return 1.
v1::ExperienceBatch MakeTransitions(uint64_t sequence, int64_t n, uint64_t policy_version = 0);
// T = 4 steps of `slots` slots; the last step of slot 0 terminates.
v1::ExperienceBatch MakeTrajectory(uint64_t sequence, int64_t slots, uint64_t grant_id,
                                   uint64_t policy_version);

}  // namespace armature

#endif  // ARMATURE_LEARNER_TESTING_EXPERIENCE_H_
