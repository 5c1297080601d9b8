// Advice about an environment's observations before learning from them.
//
// Thread safety: free function.
#ifndef ARMATURE_LEARNER_TRAINING_OBSERVATION_ADVICE_H_
#define ARMATURE_LEARNER_TRAINING_OBSERVATION_ADVICE_H_

#include <string>

#include "common/spec/env_spec.h"

namespace armature {

// Returns one sentence about fields that look like images, which fully connected networks use
// badly; empty if there are none. `normalized` is algorithm.network.normalize_observation.
std::string AdviceOnImages(const EnvSpec& env, bool normalized);

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_OBSERVATION_ADVICE_H_
