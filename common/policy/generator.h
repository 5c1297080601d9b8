// Creates random number generators on any device.
//
// Thread safety: free functions.
#ifndef ARMATURE_COMMON_POLICY_GENERATOR_H_
#define ARMATURE_COMMON_POLICY_GENERATOR_H_

#include <cstdint>

#include "ATen/core/Generator.h"
#include "c10/core/Device.h"

namespace armature {

// Returns a new generator on `device`, seeded with `seed`.
at::Generator MakeGenerator(c10::Device device, uint64_t seed);

}  // namespace armature

#endif  // ARMATURE_COMMON_POLICY_GENERATOR_H_
