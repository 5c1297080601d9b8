// Whether what learner and actors of a run send each other fits into messages: known
// as soon as the environment is.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_SERVICE_MESSAGE_SIZES_H_
#define ARMATURE_LEARNER_SERVICE_MESSAGE_SIZES_H_

#include <cstdint>

#include "absl/status/status.h"
#include "common/run_config/run_config.h"
#include "common/spec/env_spec.h"
#include "proto/learner_service.pb.h"

namespace armature {

// Upper bound of one TransitionBatch: collect.transitions_per_batch, or fewer where
// those would be too large for a message (at least 1); in rounds all of an actor's.
int64_t TransitionsPerBatch(const RunConfig& config, const EnvSpec& env);

// Upper bounds of the bytes of one message; the second for T steps of B slots that may
// all end an episode.
int64_t PolicyBytesMax(const v1::PolicySpec& spec);
int64_t TrajectoryBytesMax(const EnvSpec& env, int64_t unroll_length, int64_t slots);

// OK; InvalidArgument: policies, or what actors send, are larger than kMessageBytesMax,
// or the algorithm cannot learn `env`. Names the keys and what would fit.
absl::Status CheckMessageSizes(const RunConfig& config, const EnvSpec& env);

}  // namespace armature

#endif  // ARMATURE_LEARNER_SERVICE_MESSAGE_SIZES_H_
