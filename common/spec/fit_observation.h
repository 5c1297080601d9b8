#ifndef ARMATURE_COMMON_SPEC_FIT_OBSERVATION_H_
#define ARMATURE_COMMON_SPEC_FIT_OBSERVATION_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "common/spec/env_spec.h"

namespace armature {

// Maps observations from `offered` to `wanted`: for each element of a flattened `wanted`
// observation, returns its index in a flattened `offered` one. Fields are matched by name, in any
// order; extra fields of `offered` are left out. Dtypes and bounds may differ.
// Returns FailedPrecondition if a field is missing or has another shape; the message names it.
absl::StatusOr<std::vector<int64_t>> FitObservation(const EnvSpec& wanted, const EnvSpec& offered);

}  // namespace armature

#endif  // ARMATURE_COMMON_SPEC_FIT_OBSERVATION_H_
