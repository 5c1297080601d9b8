// Checks, as soon as the environment is known, that all messages between learner and actors fit
// into kMessageBytesMax.
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
// those would be too large for a message (at least 1); in turns all of an actor's.
int64_t TransitionsPerBatch(const RunConfig& config, const EnvSpec& env);

// Upper bounds of one message's size in bytes. The second is for T steps of B slots, each of which
// may end an episode.
int64_t PolicyBytesMax(const v1::PolicySpec& spec);
int64_t TrajectoryBytesMax(const EnvSpec& env, int64_t unroll_length, int64_t slots);

// Returns InvalidArgument if policies or the actors' messages can exceed kMessageBytesMax, naming
// the keys and what would fit; also if the algorithm cannot learn in `env`.
absl::Status CheckMessageSizes(const RunConfig& config, const EnvSpec& env);

}  // namespace armature

#endif  // ARMATURE_LEARNER_SERVICE_MESSAGE_SIZES_H_
