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

// Copies from `state` into every tensor of `own`, or into none.
// OK; InvalidArgument: a name is missing or a shape or dtype differs (named).
absl::Status CopyState(const std::map<std::string, at::Tensor>& state, const NamedTensors& own);

// What an algorithm draws from, in its state: uint8, of a size that depends on the kind
// of its device.
inline constexpr char kGenerator[] = "generator";
void AppendGenerator(const at::Generator& generator, NamedTensors* state);
// Draws on as `state` says. Where it is of another kind of device, draws begin anew, from
// the generator's seed and `learner_steps`, and a logged line says so. Where it holds no
// generator, as what run.load takes over does, nothing is changed.
void LoadGenerator(const std::map<std::string, at::Tensor>& state, int64_t learner_steps,
                   at::Generator* generator);

// "NAME holds nan" or "NAME holds inf" of the first floating point tensor with a value that is
// not finite; empty: there is none. Waits for the device, once.
std::string FindNonFinite(const NamedTensors& tensors);

}  // namespace armature

#endif  // ARMATURE_LEARNER_NN_STATE_H_
