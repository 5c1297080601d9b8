// Gathers and restores tensors by name.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_ALGORITHMS_STATE_H_
#define ARMATURE_LEARNER_ALGORITHMS_STATE_H_

#include <map>
#include <string>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "common/policy/policy_network.h"

namespace armature {

// Adds `more` to the end of `state`.
void Append(const NamedTensors& more, NamedTensors* state);

// Copies from `state` into every tensor of `own`, or into none.
// OK; InvalidArgument: a name is missing or a shape or dtype differs (named).
absl::Status CopyState(const std::map<std::string, at::Tensor>& state, const NamedTensors& own);

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_STATE_H_
