// Gathers, restores and checks tensors by name.
//
// Thread safety: free functions.
#ifndef ARMATURE_LEARNER_NN_STATE_H_
#define ARMATURE_LEARNER_NN_STATE_H_

#include <cstdint>
#include <map>
#include <string>

#include "ATen/core/Generator.h"
#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "common/policy/named_tensors.h"

namespace armature {

// Adds `more` to the end of `state`.
void Append(const NamedTensors& more, NamedTensors* state);

// Copies from `state` into every tensor of `own`. Returns InvalidArgument, and copies nothing, if a
// name is missing or a shape or dtype differs (the message names it).
absl::Status CopyState(const std::map<std::string, at::Tensor>& state, const NamedTensors& own);

// The name of the random generator in an algorithm's state: uint8; its size depends on the kind of
// device.
inline constexpr char kGenerator[] = "generator";
void AppendGenerator(const at::Generator& generator, NamedTensors* state);
// Restores the generator from `state`. If `state` is from another kind of device, the generator
// restarts from its seed and `learner_steps`, and this is logged. If `state` has no generator (as
// with run.load), nothing changes.
void LoadGenerator(const std::map<std::string, at::Tensor>& state, int64_t learner_steps,
                   at::Generator* generator);

// Returns "NAME holds nan" or "NAME holds inf" for the first floating-point tensor with a value
// that is not finite; empty if there is none. Waits for the device once.
std::string FindNonFinite(const NamedTensors& tensors);

}  // namespace armature

#endif  // ARMATURE_LEARNER_NN_STATE_H_
